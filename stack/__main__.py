"""The command behind `just up`, `down`, `status`, `logs` and `reset`: ``python -m stack --help``."""

import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import click

from stack import command_line, compose, docker, views
from stack.checkout import (
    components_of,
    given,
    remember,
    say,
    settings_of_checkout,
    stack_addressed,
    stack_found,
    stack_of,
    warn,
)
from stack.errors import StackError
from stack.fetch import commands as downloading
from stack.logfiles import follow
from stack.parts.engines import PROMTOOL, SETS, EngineSet
from stack.parts.names import ORDER, PartName
from stack.reset import delete_data
from stack.settings import StackSettings
from stack.system import ROOT, engines_of
from tally.base.hints import hint, typed_as
from tally.base.settings import SettingsError, help_text

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1


class _Program(click.Group):
    """Ends well when whoever reads its output has read enough, as in `just logs | head`."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            sys.stderr.close()
            return EXIT_OK


class _Up(click.Command):
    """Takes several parts after one ``--parts``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--parts" in args:
            at = args.index("--parts") + 1
            parts = list(itertools.takewhile(lambda arg: not arg.startswith("-"), args[at:]))
            args = (
                [*args[: at - 1], *(f"--parts={part}" for part in parts), *args[at + len(parts) :]] if parts else args
            )
        return super().parse_args(ctx, args)


@click.group(
    cls=_Program,
    context_settings={"max_content_width": 120},
    help=__doc__,
    epilog="\b\nsettings (environment or .env):\n" + help_text(StackSettings),
)
def program() -> None:
    """The group; its help is the module's."""


@program.command(cls=_Up)
@click.argument("mode", type=click.Choice(["native", "compose"]), default="native")
@click.option(
    "--parts", type=click.Choice(ORDER), multiple=True, metavar=f"{'|'.join(ORDER)}...", help="Only these parts."
)
def up(mode: str, parts: tuple[PartName, ...]) -> None:
    """Start everything and show how to use it."""
    settings = settings_of_checkout()
    stack = stack_of(settings)
    warn(stack)
    if mode == "compose":
        compose.up(ROOT, settings, say)
        return
    before = {part: stack.pid(part) for part in stack.running()}
    for part, pid in before.items():
        say(f"{part} is already running (process {pid})")
    if stack.ports != settings.ports():
        say(f"what runs keeps its ports, and what starts now uses them too: `{hint('down')}` first, to move them")
    for part, address in stack.absent.items():
        say(f"{part} is not started: {address} is used, as the settings say")
    remember(stack)
    wanted = [part for part in parts or ORDER if part not in stack.absent]
    started = stack.up(wanted, timeout_s=settings.up_timeout_s)
    if not started:
        say("everything was already running: nothing was started")
    print(views.welcome(stack))


@program.command()
def down() -> None:
    """Stop everything, in containers or not, and keep the data."""
    stack = stack_found(settings_of_checkout())
    stopped: list[str] = [*stack.down(), *engines_of(stack, say).down()]
    stopped += compose.down(ROOT, docker.containers(ROOT), say)
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing ran")


@program.command()
def status() -> int:
    """Show a line for each part or container; fails when one has crashed or is not ready."""
    stack = stack_found(settings_of_checkout())
    found = docker.containers(ROOT)
    states = [views.state_of(stack, part) for part in views.SHOWN]
    if found:
        print(compose.table(found))
        states = [state for state in states if state.word != "stopped"]
    if states:
        print(views.table(states))
    print(views.engine_lines(engines_of(stack, say)), end="")
    for state in states:
        if state.word == "crashed":
            print(f"\n{state.part}: the end of {stack.log_path(state.part)}\n{views.tail(stack.log_path(state.part))}")
    words = {*(state.word for state in states), *(each.word for each in found)}
    return EXIT_FAILED if words & {"crashed", "not ready"} else EXIT_OK


@program.command()
@click.argument("which", type=click.Choice(list(SETS)), default="quick")
def observe(which: EngineSet) -> None:
    """Start the engines that keep metrics, logs and traces, and let the services send to them.

    WHICH is quick, or full, which adds Prometheus.
    """
    stack = stack_of(settings_of_checkout())
    engines = engines_of(stack, say)
    remember(stack)
    for turn in engines.in_turns(SETS[which]):
        if engines.up(turn):
            # They learn where to send when they start; a restart loses and doubles nothing.
            stack.restart([part for part in ("producer", "consumer") if stack.pid(part) is not None])
        stack.observe_broker()
        print(views.pages(engines), flush=True)
    if which == "full":
        engines.build(PROMTOOL)


@program.command()
@click.argument("service", metavar="[PART]", required=False)
def logs(service: str | None) -> None:
    """Follow the logs of all parts or of one, or those of the containers while these are up."""
    stack = stack_found(settings_of_checkout())
    found = docker.containers(ROOT)
    if any(each.is_running for each in found) and not stack.running():
        compose.logs(ROOT, found, service)
    if service is not None and service not in ORDER:
        raise SettingsError(f"{service!r} is not a part; the parts are {', '.join(ORDER)}")
    followed: dict[str, Path] = {part: stack.log_path(part) for part in ORDER if service in (None, part)}
    if not any(log.exists() for log in followed.values()):
        where = stack.data_dir / "log"
        say(f"{where} has no log of {service or 'any part'} yet: this waits for `{hint('up')}`, and Ctrl-C ends it")
    for line in follow(followed):
        print(line, flush=True)


@program.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> int:
    """Delete the data, after a question."""
    stack = stack_of(settings_of_checkout())
    if any(each.is_running for each in docker.containers(ROOT)):
        raise StackError(f"the parts of compose are up: `{hint('down')}` first")
    return EXIT_OK if delete_data(stack, ask=not yes) else EXIT_FAILED


@program.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> NoReturn:
    """Run a command with the environment's programs and the settings of this stack."""
    stack = stack_addressed(settings_of_checkout())
    # What was set on purpose wins over what follows from the ports; the data directory must be absolute here.
    settings = {**stack.environment(), **given(), "TALLY_DATA_DIR": str(stack.data_dir)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if not command:
        raise SettingsError(f"run needs a command, for example: {hint('run tally total')}")
    name, *rest = command
    try:
        os.execvpe(name, [name, *rest], {**os.environ, **settings, "PATH": path})  # noqa: S606 - no shell
    except OSError as error:
        raise StackError(f"{name} cannot be run: {error.strerror}") from error


@program.command("kafka-transactions", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kafka_transactions(arguments: tuple[str, ...]) -> NoReturn:
    """Run Kafka's own kafka-transactions.sh on this stack's broker; --help is the tool's."""
    settings = settings_of_checkout()
    command, environment = components_of(settings).transactions_tool(say)
    if "--bootstrap-server" not in arguments:
        command += ["--bootstrap-server", stack_addressed(settings).bootstrap_servers]
    os.execve(command[0], [*command, *arguments], environment)  # noqa: S606 - no shell


for _command in (downloading.fetch, downloading.engines, downloading.agent):
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return command_line.run(program, typed_as(), arguments)
    except SettingsError as error:
        say(str(error))
        return command_line.EXIT_USAGE
    except StackError as error:
        say(str(error))
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
