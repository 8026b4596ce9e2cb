"""`./justw` on machines that lack something: one line with the cure each time."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.bootstrap import environment, installer, tools, uv
from stack.bootstrap.checkout import SetupError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path):
    """A checkout with only what justw needs, in a path with blanks."""
    folder = tmp_path / "a check out"
    for name in ("justw", "justfile", "pyproject.toml", "requirements", "stack/bootstrap"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    return folder


def program_of(name: str) -> str:
    """Return where a program of this machine is."""
    found = shutil.which(name)
    assert found is not None, f"no {name} on this machine"
    return found


def justw(
    checkout: Path, *arguments: str, path: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    base = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "TALLY_"))}
    variables = {**base, "TALLY_CACHE_DIR": str(checkout.parent / "cache"), **environment}
    variables["PATH"] = path if path is not None else variables["PATH"]
    command = [program_of("sh"), str(checkout / "justw"), *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line that a failed justw wrote, besides telling what it was about to install."""
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "installing" not in line]
    assert len(lines) == 1, done.stderr
    return lines[0]


def folder_with(tmp_path: Path, **programs: str) -> str:
    """Return a PATH that holds only some programs: shell scripts by name, and what justw itself uses."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "env"):
        (folder / name).symlink_to(program_of(name))
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox"])
def test_the_script_is_understood_by_every_shell_of_the_kind(shell):
    """`justw` parses in sh, dash, bash and busybox."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    command = [program, *(["sh"] if shell == "busybox" else []), "-n", str(ROOT / "justw")]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_python_that_is_too_old_is_named_with_what_is_needed(checkout, tmp_path):
    """An old Python ends `justw` with one line that names its version and the one that is needed."""
    old = '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n'
    line = one_line(justw(checkout, "status", path=folder_with(tmp_path, python3=old, python=old)))
    assert "Python 3.11 or newer is needed and 'Python 3.9.2' was found" in line


def test_no_python_at_all_is_told(checkout, tmp_path):
    """Without any Python `justw` ends with one line that names the version to install."""
    assert "Python 3.11 or newer is needed" in one_line(justw(checkout, "status", path=folder_with(tmp_path)))


def test_a_newer_python_beside_an_old_one_is_found(checkout, tmp_path):
    """A launcher (pyenv's, a wrapper) is asked once; the program that it found does the work."""
    launcher = f'#!/bin/sh\necho "{tmp_path}/bin/itself"\n'
    itself = '#!/bin/sh\necho "ran $2 $3"\n'
    path = folder_with(tmp_path, python3="#!/bin/sh\nexit 1\n", itself=itself, **{"python3.12": launcher})
    done = justw(checkout, "status", path=path)
    assert done.stdout == f"ran {checkout}/stack/bootstrap status\n"


def test_without_a_network_the_cure_is_told(checkout):
    """Without a network the set-up ends with one line about PyPI and leaves no half-installed tools."""
    closed = "http://127.0.0.1:9"
    line = one_line(justw(checkout, "status", HTTPS_PROXY=closed, HTTP_PROXY=closed, ALL_PROXY=closed, NO_PROXY=""))
    assert "PyPI cannot be reached: check the network" in line
    assert not list((checkout.parent / "cache").glob("tools-*"))


def wheel_of(folder: Path, name: str, version: str) -> None:
    """Write a wheel with nothing in it."""
    import zipfile

    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_a_tool_that_is_not_the_pinned_file_stops_the_set_up_and_nothing_is_kept(checkout, tmp_path):
    """A tool whose hash differs from its pin is refused, and nothing of it stays in the cache."""
    wheel_of(tmp_path / "wheels", "uv", "0.13.9")
    wheel_of(tmp_path / "wheels", "rust_just", "1.59.0")
    done = justw(checkout, "status", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "wheels"))
    assert "is not the file that requirements/tools.txt pins: nothing was installed" in one_line(done)
    assert [path.name for path in (checkout.parent / "cache").iterdir()] == ["locks"]


def test_a_cache_that_cannot_be_made_is_named_with_the_setting_that_moves_it(checkout):
    """A cache folder that cannot be made ends with one line that names TALLY_CACHE_DIR."""
    (checkout / "file").touch()
    line = one_line(justw(checkout, "status", TALLY_CACHE_DIR=str(checkout / "file" / "cache")))
    assert "TALLY_CACHE_DIR" in line


def test_a_python_without_venv_is_told_the_package_to_install(monkeypatch, tmp_path):
    """A Python without ensurepip is refused with the command that installs its venv package."""
    monkeypatch.setattr(tools, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(SetupError, match=r"lacks venv or ensurepip: install them .*apt install python3\."):
        tools.install_tools(tmp_path, tmp_path / "tools")


def test_a_full_disk_is_told_before_anything_is_downloaded(monkeypatch, tmp_path):
    """Too little free disk stops the set-up first, with the free and the needed megabytes."""
    monkeypatch.setattr(
        "stack.bootstrap.checkout.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})()
    )
    with pytest.raises(SetupError, match="1 MB free and 200 MB are needed"):
        tools.install_tools(tmp_path, tmp_path / "tools")


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("error: Failed to download\n  Hash mismatch for `numpy==2.4.6`\n", "numpy==2.4.6 is not the file"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE FILE\n    uv==0.13.9 from x:\n", "uv==0.13.9 is not"),
        ("error: failed to write: No space left on device (os error 28)", "the disk is full"),
        ("error: client error (Connect): dns error: failed to lookup", "PyPI cannot be reached"),
        ("Error: Command '['python', '-m', 'ensurepip']' returned 1", "lacks ensurepip"),
        ("something new", "the installer failed:\nsomething new"),
    ],
)
def test_a_failure_is_explained_by_its_cause(output, meaning):
    """The installer's output is turned into the cause that a user can act on, or shown as it is."""
    assert meaning in installer.explain(output, "dev.txt")


def test_the_environment_is_made_anew_when_the_pins_or_the_place_change(monkeypatch, tmp_path):
    """The environment's stamp changes with the pinned packages and with the checkout's place, and else not."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text("a==1")
    (tmp_path / "pyproject.toml").write_text("x")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements")
    first = environment.wanted_stamp()
    assert environment.wanted_stamp() == first
    (tmp_path / "requirements" / "dev.txt").write_text("a==2")
    assert environment.wanted_stamp() != first
    (tmp_path / "requirements" / "dev.txt").write_text("a==1")
    assert environment.wanted_stamp() == first
    moved = tmp_path.with_name("elsewhere")
    tmp_path.rename(moved)
    monkeypatch.setattr(environment, "ROOT", moved)
    monkeypatch.setattr(environment, "REQUIREMENTS", moved / "requirements")
    assert environment.wanted_stamp() != first


def test_uv_neither_brings_a_python_nor_reads_the_callers_environment(monkeypatch, tmp_path):
    """uv may not download a Python and sees no virtual environment of the caller's."""
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    variables = uv.uv_variables(tmp_path)
    assert variables["UV_PYTHON_DOWNLOADS"] == "never"
    assert "VIRTUAL_ENV" not in variables


def test_a_mirror_that_pip_was_told_of_is_used_by_uv_too(monkeypatch, tmp_path):
    """A package index set in pip's configuration is passed on to uv."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://mirror.invalid/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert uv.uv_variables(tmp_path)["UV_DEFAULT_INDEX"] == "http://mirror.invalid/simple"
