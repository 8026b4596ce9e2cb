"""The stack of this checkout, as the environment and ``.env`` describe it."""

import sys
from typing import Final

from stack.parts.components import Components
from stack.settings import StackSettings, passed_on
from stack.system import ROOT, Stack
from tally.base.settings import load
from tally.base.shown import without_secrets

DOTENV: Final = ROOT / ".env"


def say(text: str) -> None:
    """Tell the person at the terminal what goes on; standard output is for results."""
    print(without_secrets(text), file=sys.stderr, flush=True)


def settings_of_checkout() -> StackSettings:
    """Return the settings in force, the checkout's ``.env`` included, wherever the command is called from."""
    return load(StackSettings, _env_file=DOTENV)


def stack_of(settings: StackSettings) -> Stack:
    """Return the stack that the settings describe; a relative data directory is below the checkout."""
    components = Components(java=settings.java, kafka_jit=settings.kafka_jit, kafka_heap_mb=settings.kafka_heap_mb)
    ports, data_dir = settings.ports(), ROOT / settings.data_dir
    own = Stack(data_dir, ports).environment()
    services = {name: value for name, value in passed_on(DOTENV).items() if name not in own}
    return Stack(data_dir, ports, services, components=components, say=say)
