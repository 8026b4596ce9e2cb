"""`just up compose`: the same parts by ``docker compose``.

What is up is asked of the engine, by the label that compose gives each container, so that `down`, `status` and `logs`
find it whatever settings, project name or profiles are in force by then.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

from stack import docker, ports
from stack.docker import Container
from stack.errors import StackError
from stack.settings import StackSettings
from tally.base.addresses import KAFKA, REGISTRY, addresses
from tally.base.env_file import variables_in
from tally.base.hints import hint
from tally.base.settings import SettingsError

_PROFILES: Final = "COMPOSE_PROFILES"
_OBSERVABILITY: Final = "observability"
"""Grafana and its data sources are on unless COMPOSE_PROFILES says otherwise, be it with an empty text."""
PUBLISHED: Final = ("kafka", "registry", "grpc", "rest", "metrics", "prometheus")
"""The ports of the native stack that docker-compose.yml publishes, as keys of ``stack.ports.SETTINGS``."""

_OF_SIGNALS: Final = (ports.SETTINGS["prometheus"], ports.GRAFANA_SETTING)


def up(root: Path, settings: StackSettings, say: Callable[[str], None]) -> None:
    """Check what is needed, build the images, start all services, and return when they are healthy.

    Raises StackError, or SettingsError for a profile that does not exist; before anything was started, but for a start
    that fails.
    """
    _require_own_kafka_and_registry(settings)
    command = docker.checked_compose_command()
    inside = environment(root, settings)
    _require_profiles(command, root, inside)
    if docker.is_local(command):
        _require_free_ports(root, settings, inside)
    say("docker compose builds the images and starts the services: the first time takes some minutes")
    if _run(command, root, inside, "up", "--build", "--detach", "--wait") != 0:
        raise StackError(
            f"docker compose up failed: its own message is above; `{hint('status')}` and `{hint('logs')}` tell more"
        )
    print(_welcome(inside))


def down(root: Path, found: list[Container], say: Callable[[str], None]) -> list[str]:
    """Stop and remove the containers that were found, and return their services; the volumes stay."""
    for project in sorted({each.project for each in found}):
        say("docker compose stops the services")
        if _run(docker.compose_command(), root, _of(root, project), "down") != 0:
            raise StackError("docker compose down failed: its own message is above")
    return [each.service for each in found if each.is_running]


def table(found: list[Container]) -> str:
    """Return the containers, one line each."""
    lines = [f"{'container':<16}{'state':<11}{'port':<13}"]
    for each in found:
        numbers = ", ".join(map(str, each.ports)) or "-"
        lines.append(f"{each.service:<16}{each.word:<11}{numbers:<13}{each.status}".rstrip())
    return "\n".join(lines)


def logs(root: Path, found: list[Container], service: str | None) -> NoReturn:
    """Become the command that follows the containers' logs. Raises SettingsError for a service that has none."""
    if service is not None and service not in {each.service for each in found}:
        raise SettingsError(f"{service!r} has no container: {', '.join(sorted(each.service for each in found))}")
    command = [*docker.compose_command(), "logs", "--follow", *([service] if service else [])]
    os.chdir(root)
    os.execve(command[0], command, _of(root, found[0].project))  # noqa: S606 - no shell


def environment(root: Path, settings: StackSettings) -> dict[str, str]:
    """Return the environment of compose: the caller wins over ``.env``, and the ports are those of the native stack."""
    return {_PROFILES: _OBSERVABILITY, **_kept(root), **_ports(settings)}


def _kept(root: Path) -> dict[str, str]:
    """Return what ``.env`` and the caller say, and the folder that compose writes on each container."""
    own = root / ".env"  # compose reads it itself, whatever TALLY_ENV_FILE says
    return {**variables_in(own if own.is_file() else None), **os.environ, "PWD": str(root)}


def _ports(settings: StackSettings) -> dict[str, str]:
    """Return every published port by its setting, TALLY_PORT_BASE heard; Grafana's comes after those of the stack."""
    numbers = settings.ports().by_name()
    own = {ports.SETTINGS[name]: str(numbers[name]) for name in PUBLISHED}
    return {**own, ports.GRAFANA_SETTING: str(settings.grafana_port)}


def _of(root: Path, project: str) -> dict[str, str]:
    """Return the environment for what runs already: its project, and every profile."""
    return {**_kept(root), "COMPOSE_PROJECT_NAME": project, _PROFILES: "*"}


def _run(command: list[str], root: Path, inside: Mapping[str, str], *words: str) -> int:
    return subprocess.run([*command, *words], cwd=root, env=inside, check=False).returncode


def _require_own_kafka_and_registry(settings: StackSettings) -> None:
    """Raise SettingsError when `tally` would look for Kafka or the registry where the containers have none."""
    published = addresses(_ports(settings))
    for name, value in ((KAFKA, settings.kafka_bootstrap_servers), (REGISTRY, settings.registry_url.rstrip("/"))):
        if value != published[name]:
            raise SettingsError(
                f"{name} is {value!r}, and containers bring their own, at {published[name]}: unset it, "
                f"or use `{hint('up')}`, which takes another one"
            )


def _require_profiles(command: list[str], root: Path, inside: Mapping[str, str]) -> None:
    asked = [name.strip() for name in inside[_PROFILES].split(",") if name.strip()]
    listing = subprocess.run(
        [*command, "config", "--profiles"], cwd=root, env=inside, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        raise StackError(f"docker compose does not accept docker-compose.yml: {listing.stderr.strip()}")
    unknown = sorted(set(asked) - {*listing.stdout.split(), "*"})
    if unknown:
        raise SettingsError(
            f"{_PROFILES} is {inside[_PROFILES]!r}: {unknown[0]!r} is not a profile; "
            f"allowed is {_OBSERVABILITY}, or nothing"
        )


def _require_free_ports(root: Path, settings: StackSettings, inside: Mapping[str, str]) -> None:
    """Raise StackError that names each port that somebody else has; those of our own containers are ours."""
    ours = {port for each in docker.containers(root) if each.is_running for port in each.ports}
    wanted = {
        name: int(port) for name, port in _ports(settings).items() if inside[_PROFILES] or name not in _OF_SIGNALS
    }
    ports.require_free_numbers({name: port for name, port in wanted.items() if port not in ours})


def _welcome(inside: Mapping[str, str]) -> str:
    at = {name: f"127.0.0.1:{inside[ports.SETTINGS[name]]}" for name in PUBLISHED}
    status, down = hint("status"), hint("down")
    lines = [
        f"Tally is up in containers. `{status}` shows them, `{down}` stops them and keeps their volumes.",
        f"  gRPC {at['grpc']}   REST http://{at['rest']}   Kafka {at['kafka']}   registry http://{at['registry']}",
    ]
    if _OBSERVABILITY in inside[_PROFILES].split(","):
        lines.append(f"Dashboards, logs and traces, without a login: http://127.0.0.1:{inside[ports.GRAFANA_SETTING]}")
    return "\n".join(lines)
