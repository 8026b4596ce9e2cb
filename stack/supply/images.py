"""What the images are made of, as Dockerfile and docker-compose.yml say: base, pinned packages, and no more.

An image that compose starts by a profile alone is somebody else's program beside Tally, and is left out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from stack.system import ROOT

_ARGUMENT: Final = re.compile(r"^ARG (\w+)=(\S+)$", re.MULTILINE)
_STAGE: Final = re.compile(r"^FROM (\S+) AS (\S+)$", re.MULTILINE)
_INSTALLED: Final = re.compile(r"^COPY requirements/(\w+)\.txt ", re.MULTILINE)
_CARRIED: Final = re.compile(r"^COPY --from=(\S+) /opt/", re.MULTILINE)
_BASE: Final = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Image:
    """One image: ``base`` is name and tag, with a digest if there is one; ``pins`` are files of requirements."""

    name: str
    base: str
    pins: tuple[str, ...]


@dataclass(frozen=True)
class _Stage:
    origin: str
    text: str


def images() -> list[Image]:
    """Return the images that compose builds and always starts, in its order."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    built = [each["build"]["target"] for each in services.values() if "build" in each and "profiles" not in each]
    return images_of(dockerfile, built)


def images_of(dockerfile: str, targets: Sequence[str]) -> list[Image]:
    """Return what a Dockerfile makes for each target."""
    arguments = dict(_ARGUMENT.findall(dockerfile))
    heads = list(_STAGE.finditer(dockerfile))
    ends = [*(each.start() for each in heads[1:]), len(dockerfile)]
    stages = {head[2]: _Stage(head[1], dockerfile[head.end() : end]) for head, end in zip(heads, ends, strict=True)}
    made: list[Image] = []
    for target in targets:
        chain = list(_chain(stages, target))
        carried = [name for stage in chain for name in _CARRIED.findall(stage.text)]
        pins = {pin for name in carried for stage in _chain(stages, name) for pin in _INSTALLED.findall(stage.text)}
        base = _BASE.sub(lambda found: arguments[found[1]], chain[-1].origin)
        made.append(Image(target, base, tuple(sorted(pins))))
    return made


def _chain(stages: dict[str, _Stage], name: str) -> Iterator[_Stage]:
    """Yield a stage and those that it continues, down to the one that begins with somebody else's image."""
    while name in stages:
        yield stages[name]
        name = stages[name].origin
