"""`just up compose`: the same parts by ``docker compose``. A mark in the run folder tells `down` that they are up."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stack.errors import StackError

_MARK: Final = "compose"


def is_up(run_dir: Path) -> bool:
    """Tell whether `up` started the parts by compose and nobody stopped them since."""
    return (run_dir / _MARK).exists()


def up(root: Path, run_dir: Path, say: Callable[[str], None]) -> int:
    """Build the images, start all services, and return when they are healthy."""
    command = _docker()
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / _MARK).touch()
    say("docker compose builds the images and starts the services: the first time takes some minutes")
    done = subprocess.run([*command, "up", "--build", "--detach", "--wait"], cwd=root, check=False)
    if done.returncode == 0:
        print("Tally is up in containers. `just status` shows them, `just down` stops them and keeps their volumes.")
    return done.returncode


def down(root: Path, run_dir: Path, say: Callable[[str], None]) -> None:
    """Stop what `up` started by compose; the volumes stay."""
    if is_up(run_dir):
        say("docker compose stops the services")
        if subprocess.run([*_docker(), "down"], cwd=root, check=False).returncode != 0:
            raise StackError("docker compose down failed: its own message is above")
        (run_dir / _MARK).unlink()


def status(root: Path, run_dir: Path) -> None:
    """Show the containers when they are up."""
    if is_up(run_dir):
        subprocess.run([*_docker(), "ps"], cwd=root, check=False)


def logs(root: Path, service: str | None) -> int:
    """Follow the containers' logs."""
    names = [service] if service else []
    return subprocess.run([*_docker(), "logs", "--follow", *names], cwd=root, check=False).returncode


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
