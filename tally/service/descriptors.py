"""How many files and connections a process may have open (RLIMIT_NOFILE)."""

import resource
from typing import Final

from loguru import logger

WANTED: Final = 65_536
"""Where no lower limit is set: many times what a service opens, and what a default of a million would allow is never
needed."""


def raise_limit(wanted: int = WANTED) -> int:
    """Raise the limit of this process as far as its hard limit allows, at most to ``wanted``; return what it is now.

    It is never lowered. Systems start a program with 1,024 or 256, which is less than what a few clients with many
    connections take, and the process would then be unable to open its own files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < aim:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
        except (OSError, ValueError) as error:  # macOS allows less than its hard limit says
            logger.bind(error=str(error), limit=soft, wanted=aim).warning("the limit of open files stays as it is")
        else:
            soft = aim
    return wanted if soft == resource.RLIM_INFINITY else soft
