"""docker-compose without Docker, built once from the module that stack/compose_check pins: it checks the YAML file."""

from pathlib import Path

from stack.fetch import go_programs
from tally.base.cache_folder import cache_folder

_PROGRAM = go_programs.GoProgram(
    name="docker-compose",
    module=go_programs.ROOT / "stack" / "compose_check",
    package="github.com/docker/compose/v2/cmd",
    seconds=100,
)


def docker_compose() -> Path:
    """Return the program, building it when the cache does not have it. Raises CannotBuildError."""
    return go_programs.ensure(_PROGRAM, cache_folder(), print)
