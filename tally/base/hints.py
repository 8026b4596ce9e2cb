"""The commands that messages tell a person to type, in the way that this person starts them."""

import os
import shlex
from typing import Final

TYPED_AS: Final = "TALLY_TYPED_AS"
"""What was typed in front of the recipe. ``justw`` sets it to its own path, else the justfile sets it to ``just``."""
_ALWAYS_THERE: Final = "./justw"


def typed_as() -> str:
    """Return what this person types in front of a recipe's name: ``just``, ``./justw``, ``/opt/tally/justw``.

    A program that no recipe started cannot know; every checkout has ``./justw``.
    """
    return shlex.quote(os.environ.get(TYPED_AS) or _ALWAYS_THERE)


def hint(recipe: str) -> str:
    """Return a recipe with its arguments as this person types it: ``just up``, ``./justw up``."""
    return f"{typed_as()} {recipe}"


def program(name: str) -> str:
    """Return how this person starts a program of the environment: ``./justw run tally`` or, on its own, ``tally``."""
    return hint(f"run {name}") if os.environ.get(TYPED_AS) else name
