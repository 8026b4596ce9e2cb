"""The stack of this checkout, as what runs, the environment and ``.env`` describe it."""

import sys
from pathlib import Path
from typing import Final

from stack import whereabouts
from stack.errors import StackError
from stack.parts.components import Components
from stack.ports import SETTINGS, Ports, outgoing_range, warning
from stack.settings import StackSettings, passed_on
from stack.system import ROOT, Stack
from tally.base.addresses import BASE, KAFKA, REGISTRY
from tally.base.env_file import VARIABLE, env_file, variables_of
from tally.base.settings import load
from tally.base.shown.values import without_secrets

_DATA_DIR: Final = "TALLY_DATA_DIR"


def say(text: str) -> None:
    """Tell the person at the terminal what goes on; standard output is for results."""
    print(without_secrets(text), file=sys.stderr, flush=True)


def settings_of_checkout() -> StackSettings:
    """Return the settings in force, the checkout's ``.env`` included, wherever the command is called from."""
    return load(StackSettings)


def given() -> dict[str, str]:
    """Return the settings of Tally and OpenTelemetry that are set. Raises EnvFileError."""
    return passed_on(variables_of(env_file()))


def components_of(settings: StackSettings) -> Components:
    """Return what the native parts are made of."""
    return Components(java=settings.java, kafka_jit=settings.kafka_jit, kafka_heap_mb=settings.kafka_heap_mb)


def stack_of(settings: StackSettings) -> Stack:
    """Return the stack of the settings' data folder, on the ports that it runs on, else on those of the settings.

    A relative data folder is below the checkout.
    """
    data_dir = ROOT / settings.data_dir
    return _stack(settings, data_dir, whereabouts.ports_in_use(data_dir) or settings.ports())


def warn(stack: Stack) -> None:
    """Tell of ports that may be taken at any start."""
    if (told := warning(stack.ports, outgoing_range())) is not None:
        say(told)


def remember(stack: Stack) -> None:
    """Note that a stack of this checkout is started, so that it is found by whoever does not know its data folder."""
    whereabouts.remember(ROOT, stack.data_dir)


def stack_addressed(settings: StackSettings) -> Stack:
    """Return the same stack as one who calls it means it: what is set on purpose wins over the ports it runs on."""
    data_dir, own = ROOT / settings.data_dir, given()
    used = None if BASE in own else whereabouts.ports_in_use(data_dir)
    asked = settings.ports()
    if used is not None:
        asked = used.moved({name: port for name, port in asked.by_name().items() if SETTINGS[name] in own})
    return _stack(settings, data_dir, asked)


def stack_found(settings: StackSettings) -> Stack:
    """Return the stack to show or to stop: that of the settings' data folder, or the one of this checkout that runs.

    Others that run are told. Raises StackError when several run and TALLY_DATA_DIR names none of them.
    """
    own = stack_of(settings)
    others = [folder for folder in whereabouts.running(ROOT) if folder != own.data_dir]
    if not others:
        return own
    named = "\n".join(f"  {_DATA_DIR}={folder}" for folder in others)
    if whereabouts.runs(own.data_dir) or _DATA_DIR in given():
        say(f"also running from this checkout, with another data folder:\n{named}")
        return own
    if len(others) > 1:
        raise StackError(f"several stacks of this checkout run; say which one is meant, before the command:\n{named}")
    say(f"what runs uses the data folder {others[0]}")
    return _stack(settings, others[0], whereabouts.ports_in_use(others[0]) or settings.ports())


def _stack(settings: StackSettings, data_dir: Path, ports: Ports) -> Stack:
    # The services are given what .env says: they read no file.
    ours = {*Stack(data_dir, ports).environment(), BASE, VARIABLE} - {KAFKA, REGISTRY}
    services = {name: value for name, value in given().items() if name not in ours}
    return Stack(data_dir, ports, services, components=components_of(settings), say=say)
