"""The commands that messages tell a person to type, in the way that this person starts them."""

import os
import shlex
from typing import Final

TYPED_AS: Final = "TALLY_TYPED_AS"
"""What was typed in front of the recipe. ``justw`` sets it to its own path, else the justfile sets it to ``just``."""
_ALWAYS_THERE: Final = "./justw"


def hint(recipe: str) -> str:
    """Return a recipe with its arguments as this person types it: ``just up``, ``./justw up``, ``/opt/tally/justw up``.

    A program that no recipe started cannot know; every checkout has ``./justw``.
    """
    return f"{shlex.quote(os.environ.get(TYPED_AS) or _ALWAYS_THERE)} {recipe}"
