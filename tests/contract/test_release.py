"""The commands of docs/RELEASING.md make a release that can be checked, and one that was changed is noticed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests_support.documents.blocks import typed

PAGE = "docs/RELEASING.md"
JUST = """\
#!/bin/sh
# Stands in for the recipes: tests of their own build the wheel and the lists.
mkdir -p dist/sbom
case $1 in wheel) echo wheel >dist/tally.whl ;; sbom) echo parts >dist/sbom/wheel.cdx.json ;; *) exit 2 ;; esac
"""
PROGRAMS = ("ssh-keygen", "sha256sum", "sed", "bash")
TIMEOUT_S = 60

pytestmark = pytest.mark.skipif(
    not all(shutil.which(name) for name in PROGRAMS), reason=f"this machine lacks one of {', '.join(PROGRAMS)}"
)


def run(folder: Path, home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Type a line."""
    environment = {"HOME": str(home), "PATH": f"{home}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C"}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def checks() -> list[str]:
    """Return the lines that a user types to check a release."""
    return [line.command for line in typed(PAGE) if "verify" in line.command or "--check" in line.command]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A maintainer's home with a key, without a passphrase here."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "just").write_text(JUST, encoding="utf-8")
    (folder / "just").chmod(0o755)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "releases", "-f", str(folder / "release_key")]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    return folder


@pytest.fixture
def release(tmp_path: Path, home: Path) -> Path:
    """A release that was made by the page's lines."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for line in typed(PAGE):
        if line.command not in checks():
            done = run(folder, home, line.command)
            assert done.returncode == 0, f"{line}: {done.stderr}"
    return folder / "dist"


def test_a_release_that_was_made_by_the_page_is_found_good_by_the_page(release: Path, home: Path) -> None:
    """Both lines of the check exit with 0, and every file is under the signed sums."""
    assert len(checks()) == 2
    for command in checks():
        done = run(release, home, command)
        assert done.returncode == 0, done.stderr
    summed = {line.split()[-1] for line in (release / "SHA256SUMS").read_text(encoding="utf-8").splitlines()}
    assert summed == {"tally.whl", "sbom/wheel.cdx.json"}


@pytest.mark.parametrize("name", ["tally.whl", "sbom/wheel.cdx.json", "SHA256SUMS", "allowed_signers"])
def test_a_release_that_was_changed_is_found_bad(release: Path, home: Path, name: str) -> None:
    """Whichever file was changed after the signature, a line of the check fails."""
    with (release / name).open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))
    assert any(run(release, home, command).returncode != 0 for command in checks())
