"""Real stacks for tests: of their own data directory and ports, ended with the test, or with the process if it dies."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from stack import Components, Ports, Stack
from stack.parts.names import ORDER, PartName

KAFKA_ONLY: Sequence[PartName] = ("kafka", "registry", "contracts")
"""The parts that a test of one service needs beside it."""

DELETABLE_TOPICS: Mapping[str, str] = {"delete.topic.enable": "true"}
"""Broker properties for a test that deletes topics; the stack itself forbids it."""


class NewStack(Protocol):
    """See ``stack_factory``."""

    def __call__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        parts: Sequence[PartName] = (),
        broker_properties: Mapping[str, str] | None = None,
        components: Components | None = None,
        ports: Ports | None = None,
    ) -> Stack:
        """Return a stack; its ``parts`` have been started."""


def make_stack(
    data_dir: Path,
    environment: Mapping[str, str] | None = None,
    *,
    broker_properties: Mapping[str, str] | None = None,
    components: Components | None = None,
    ports: Ports | None = None,
) -> Stack:
    """Return a stack that dies with this process; nothing is started."""
    return Stack(
        data_dir,
        ports or Ports.free(),
        environment,
        broker_properties=broker_properties,
        components=components,
        die_with_caller=True,
    )


def others_may_use(folder: Path) -> list[str]:
    """Return what below a folder group or others may read, write or enter."""
    return [str(path) for path in folder.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077]


@contextmanager
def stack_factory(folder: Path) -> Iterator[NewStack]:
    """Yield a factory of stacks below ``folder``; all of them are stopped at the end, whatever happened.

    ``new_stack()`` only describes one; ``new_stack(parts=ORDER)`` starts these parts too.
    """
    with ExitStack() as opened:
        count = 0

        def new_stack(
            environment: Mapping[str, str] | None = None,
            *,
            parts: Sequence[PartName] = (),
            broker_properties: Mapping[str, str] | None = None,
            components: Components | None = None,
            ports: Ports | None = None,
        ) -> Stack:
            nonlocal count
            count += 1
            one = make_stack(
                folder / f"stack-{count}",
                environment,
                broker_properties=broker_properties,
                components=components,
                ports=ports,
            )
            opened.enter_context(one)
            if parts:
                one.up(parts)
            return one

        yield new_stack


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that is deleted at the end; shorter than pytest's, for sockets and for reading logs."""
    folder = Path(tempfile.mkdtemp(prefix="tally-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["DELETABLE_TOPICS", "KAFKA_ONLY", "ORDER", "NewStack", "make_stack", "stack_factory", "temporary_folder"]
