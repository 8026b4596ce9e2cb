"""The Docker of this machine: its client, what it must be able to do, and which containers of this checkout it has."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from stack.errors import StackError
from tally.base.hints import hint

API_MIN: Final = (1, 44)
"""Docker 25's: the first whose health checks know ``start_interval``."""
COMPOSE_MIN: Final = (2, 20, 2)
"""Likewise of the compose plugin."""

_ANSWER_S: Final = 20.0
_ERROR_LENGTH: Final = 300
_WITHOUT: Final = f"or use `{hint('up')}`, which needs no Docker"
_FOLDER: Final = "com.docker.compose.project.working_dir"
_FIELDS: Final = (
    f'{{{{.Label "{_FOLDER}"}}}}',
    '{{.Label "com.docker.compose.project"}}', '{{.Label "com.docker.compose.service"}}',
    "{{.State}}", "{{.Status}}", "{{.Ports}}",
)  # fmt: skip

Word = Literal["ready", "running", "starting", "not ready", "done", "crashed", "stopped"]


@dataclass(frozen=True)
class Container:
    """One container of compose, as ``docker ps`` tells it; ``ports`` are those of loopback."""

    project: str
    service: str
    state: str  # created, running, restarting, exited, …
    status: str  # such as "Up 2 minutes (healthy)"
    ports: tuple[int, ...]

    @property
    def is_running(self) -> bool:
        """Tell whether it has a process, or is about to have one."""
        return self.state in ("running", "restarting", "paused")

    @property
    def word(self) -> Word:
        """Return its state in the words of the native stack."""
        if self.state == "running":
            for mark, word in _HEALTH.items():
                if mark in self.status:
                    return word
            return "running"
        if self.state == "exited":
            was_ended = self.status.startswith(_ENDS)
            return "crashed" if not was_ended else "done" if self.service == _ONE_SHOT else "stopped"
        return "crashed" if self.state in ("restarting", "dead") else "starting"


_ONE_SHOT: Final = "contracts"
_ENDS: Final = ("Exited (0)", "Exited (130)", "Exited (143)")  # by itself, or by a signal that asks for it
_HEALTH: Final[dict[str, Word]] = {"(healthy)": "ready", "(health: starting)": "starting", "(unhealthy)": "not ready"}


def containers(root: Path) -> list[Container]:
    """Return the containers that compose made of a checkout, running or not, whatever the environment says now.

    Without a client, or where no engine runs, there are none. Raises StackError when the engine does not answer.
    """
    docker = shutil.which("docker")
    if docker is None:
        return []
    done = _asked([docker, "ps", "--all", "--filter", f"label={_FOLDER}", "--format", "\t".join(_FIELDS)])
    lines = [line.partition("\t") for line in done.stdout.splitlines() if line] if done.returncode == 0 else []
    # Resolved: whoever typed `docker compose up` may have come by a symbolic link.
    return [_container(rest) for folder, _, rest in lines if Path(folder).resolve() == root.resolve()]


def _container(line: str) -> Container:
    project, service, state, status, ports = line.split("\t")
    published = {each.partition("->")[0].rpartition(":")[2] for each in ports.split(", ") if "->" in each}
    numbers = tuple(sorted(int(port) for port in published if port.isdecimal()))
    return Container(project, service, state, status, numbers)


def compose_command() -> list[str]:
    """Return the command of compose: the client's plugin, else a program of its own. Raises StackError."""
    docker = shutil.which("docker")
    standalone = shutil.which("docker-compose")
    for command in ([docker, "compose"] if docker else [], [standalone] if standalone else []):
        if command and _asked([*command, "version", "--short"]).returncode == 0:
            return command
    if docker is None:
        raise StackError(f"Docker is not installed: install Docker 25 or newer with its compose plugin, {_WITHOUT}")
    raise StackError(f"Docker's compose plugin is not installed: install it (2.20.2 or newer), {_WITHOUT}")


def checked_compose_command() -> list[str]:
    """Return the command of compose when it and the engine are new enough. Raises StackError, one sentence."""
    command = compose_command()
    said = _asked([*command, "version", "--short"]).stdout.strip()
    if _numbers(said) < COMPOSE_MIN:
        raise StackError(f"Docker's compose plugin is {said}, and 2.20.2 or newer is needed: update it, {_WITHOUT}")
    docker = shutil.which("docker")
    if docker is not None:
        _require_engine(docker)
    return command


def _require_engine(docker: str) -> None:
    done = _asked([docker, "version", "--format", "{{.Server.APIVersion}} {{.Server.Version}}"])
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[:_ERROR_LENGTH]
        raise StackError(
            f"the Docker engine does not answer ({reason}): start it, or let DOCKER_HOST name it, {_WITHOUT}"
        )
    api, _, version = done.stdout.strip().partition(" ")
    if _numbers(api) < API_MIN:
        raise StackError(
            f"the Docker engine is {version} (API {api}), and 25 or newer is needed: update it, {_WITHOUT}"
        )


def is_local(command: Sequence[str]) -> bool:
    """Tell whether the engine publishes ports on this machine, as far as the client knows."""
    if len(command) < 2:  # a docker-compose of its own
        return True
    done = _asked([command[0], "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return done.returncode != 0 or done.stdout.strip().startswith(("unix:", "npipe:")) or not done.stdout.strip()


def _asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except subprocess.TimeoutExpired:
        raise StackError(
            f"the Docker engine does not answer in {_ANSWER_S:.0f} s: restart it, or point DOCKER_HOST at another"
        ) from None
    except OSError as error:
        raise StackError(f"{command[0]} cannot be run: {error.strerror}") from error


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version such as ``v2.26.1-4`` or ``1.45``."""
    plain = version.removeprefix("v").partition("-")[0].partition("+")[0]
    return tuple(int(part) for part in plain.split(".") if part.isdecimal())
