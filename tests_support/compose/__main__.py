"""Make what `just test-compose` needs and the cache does not have: ``python -m tests_support.compose``."""

import sys

from stack.errors import StackError
from stack.parts.components import Components
from tally.base.cache_folder import cache_folder
from tests_support.compose import debian, engine
from tests_support.compose.observability import programs


def say(text: str) -> None:
    """Tell the person at the terminal what goes on."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Make and fetch it; a reason that it cannot be is told, and the tests skip with theirs."""
    cache = cache_folder()
    reason = engine.why_not_made(cache)
    if reason is not None:
        say(reason)
        return 0
    try:
        debian.ensure(debian.ENGINE, cache, say)
        debian.ensure(debian.BASE, cache, say)
        Components(quick_starts=False).fetch(("kafka", "registry"), say)
        programs.ensure(cache, say)
    except StackError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
