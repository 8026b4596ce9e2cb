"""`just up compose`: the same parts by ``docker compose``. A mark in the run folder tells `down` that they are up."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from stack.errors import StackError

_MARK: Final = "compose"
_PROFILES: Final = {"COMPOSE_PROFILES": "observability"}
"""Grafana and what it asks are on unless the profiles are named, if only as none."""
_GRAFANA_PORT: Final = "3000"


def is_up(run_dir: Path) -> bool:
    """Tell whether `up` started the parts by compose and nobody stopped them since."""
    return (run_dir / _MARK).exists()


def up(root: Path, run_dir: Path, say: Callable[[str], None]) -> int:
    """Build the images, start all services, and return when they are healthy."""
    _docker()
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / _MARK).touch()
    say("docker compose builds the images and starts the services: the first time takes some minutes")
    done = _run(root, "up", "--build", "--detach", "--wait")
    if done == 0:
        print("Tally is up in containers. `just status` shows them, `just down` stops them and keeps their volumes.")
        seen = environment(root)
        if "observability" in seen["COMPOSE_PROFILES"].split(","):
            port = seen.get("TALLY_GRAFANA_PORT") or _GRAFANA_PORT  # an empty one means the default to compose, too
            print(f"Dashboards, logs and traces, without a login: http://127.0.0.1:{port}")
    return done


def down(root: Path, run_dir: Path, say: Callable[[str], None]) -> None:
    """Stop what `up` started by compose; the volumes stay."""
    if is_up(run_dir):
        say("docker compose stops the services")
        if _run(root, "down") != 0:
            raise StackError("docker compose down failed: its own message is above")
        (run_dir / _MARK).unlink()


def status(root: Path, run_dir: Path) -> None:
    """Show the containers when they are up."""
    if is_up(run_dir):
        _run(root, "ps")


def logs(root: Path, service: str | None) -> int:
    """Follow the containers' logs."""
    names = [service] if service else []
    return _run(root, "logs", "--follow", *names)


def _run(root: Path, *words: str) -> int:
    return subprocess.run([*_docker(), *words], cwd=root, env=environment(root), check=False).returncode


def environment(root: Path) -> dict[str, str]:
    """Return the environment of compose: the caller wins over ``.env``, and both over what is on by default."""
    kept = {name: value for name, value in dotenv_values(root / ".env").items() if value is not None}
    return {**_PROFILES, **kept, **os.environ}


def _docker() -> list[str]:
    """Return the command of compose. Raises StackError when it is not installed."""
    docker = shutil.which("docker")
    if docker is not None:
        probe = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
        if probe.returncode == 0:
            return [docker, "compose"]
    standalone = shutil.which("docker-compose")
    if standalone is not None:
        return [standalone]
    raise StackError("Docker with its compose plugin is not installed: install it, or use `just up`, which needs none")
