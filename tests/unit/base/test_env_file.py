"""Which .env is read, and that all of it is understood."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import Field

from stack.system import ROOT
from tally.base import env_file
from tally.base.env_file import EnvFileError, checked, variables_of
from tally.base.settings import Settings, SettingsError, load
from tally.cli.main import main


class Some(Settings):
    lanes: int = Field(1, description="A number.")


@pytest.fixture
def no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLY_ENV_FILE")


def test_the_file_of_the_current_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_name: None
) -> None:
    """A .env in the current folder changes no setting, so a program's settings do not depend on where it is started."""
    (tmp_path / ".env").write_text("TALLY_LANES=7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(env_file, "_ROOT", tmp_path / "elsewhere")
    assert load(Some).lanes == 1


def test_the_file_of_the_checkout_is_read_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_name: None
) -> None:
    """A checkout's .env is read whatever the current folder is, an installation's is not, and the environment wins."""
    (tmp_path / ".env").write_text("TALLY_LANES=7\n")
    monkeypatch.setattr(env_file, "_ROOT", tmp_path)
    assert load(Some).lanes == 1, "a folder without pyproject.toml is an installation, no checkout"
    (tmp_path / "pyproject.toml").touch()
    assert load(Some).lanes == 7
    monkeypatch.setenv("TALLY_LANES", "8")
    assert load(Some).lanes == 8, "the environment wins"


def test_the_checkout_is_where_its_pyproject_is() -> None:
    """The .env that is read lies at the top of the checkout, in whatever folder the library's module is."""
    assert env_file._ROOT == ROOT
    assert (env_file._ROOT / "pyproject.toml").is_file()


def test_a_file_that_is_named_is_read_instead_and_an_empty_name_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TALLY_ENV_FILE names the file to read, empty means none, and a named file that is missing is an error."""
    (tmp_path / ".env").write_text("TALLY_LANES=7\n")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "mine").write_text("TALLY_LANES=9\n")
    monkeypatch.setattr(env_file, "_ROOT", tmp_path)
    monkeypatch.setenv("TALLY_ENV_FILE", str(tmp_path / "mine"))
    assert load(Some).lanes == 9
    monkeypatch.setenv("TALLY_ENV_FILE", "")
    assert load(Some).lanes == 1
    monkeypatch.setenv("TALLY_ENV_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="gone: no such file; settings are read from it because it was named"):
        load(Some)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"TALLY_LANES=1\n\n\nTALLY_SECRET=hunter2 and more\n=5\n", 5),
        (b"TALLY_LANES='1\nTALLY_OTHER=hunter2\n", 1),
        (b"# a comment\nA B C hunter2\n", 2),
    ],
)
def test_a_line_that_is_no_setting_is_told_by_its_number_and_no_value_is_shown(
    tmp_path: Path, content: bytes, line: int
) -> None:
    """A line that is not NAME=value is refused by its number, and no secret from the file gets into the message."""
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(EnvFileError, match=rf"\.env:{line}: not NAME=value") as raised:
        checked(path)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"TALLY_LANES=\xff\n", *("TALLY_LANES=1\n".encode(each) for each in ("utf-16", "utf-16-le", "utf-32"))]
)
def test_a_file_that_is_no_utf_8_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    """A .env in another encoding is refused with its path and the cure."""
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"{path} is not UTF-8 text .*: save it as UTF-8"):
        load(Some, _env_file=path)


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfTALLY_LANES=7\n", b"TALLY_LANES=7\r\nTALLY_OTHER=\r\n", b"TALLY_LANES=7"]
)
def test_a_file_of_any_editor_is_understood(tmp_path: Path, content: bytes) -> None:
    """A mark at the beginning, lines that end with CRLF, and a last line without an end change no value."""
    path = tmp_path / ".env"
    path.write_bytes(content)
    assert load(Some, _env_file=path).lanes == 7
    assert variables_of(path, {}) == {"TALLY_LANES": "7"}


def test_an_empty_setting_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NAME= in .env or in the environment leaves the default, of a number and a path as well, or what .env says."""
    path = tmp_path / ".env"
    path.write_text("TALLY_LANES=\nTALLY_KAFKA_CONFIG=\nTALLY_PORT_BASE=\n")
    for name in ("TALLY_REGISTRY_URL", "TALLY_LOG_LEVEL", "TALLY_DATA_DIR"):
        monkeypatch.setenv(name, "")
    found = load(Some, _env_file=path)
    assert (found.lanes, found.kafka_config, found.port_base, found.data_dir) == (1, None, None, Path("data"))
    path.write_text("TALLY_LANES=7\n")
    monkeypatch.setenv("TALLY_LANES", "")
    assert load(Some, _env_file=path).lanes == 7
    assert variables_of(path, {"TALLY_LANES": "", "TALLY_LOG_LEVEL": ""}) == {"TALLY_LANES": "7"}


def test_the_example_as_it_stands_and_with_every_line_in_force_is_understood(tmp_path: Path) -> None:
    """.env.example is valid as it is, and also with each of its commented settings switched on."""
    example = ROOT / ".env.example"
    assert checked(example) == example
    used = tmp_path / ".env"
    used.write_text(example.read_text(encoding="utf-8").replace("\n#TALLY_", "\nTALLY_"), encoding="utf-8")
    assert checked(used) == used


def test_the_command_takes_a_file_by_its_option_and_none_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tally` reads the file that --env-file names and no other, and exits 2 if it is missing or has a wrong value."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("TALLY_REST_URL=nonsense-of-the-folder\n")
    Path("mine").write_text("TALLY_REST_URL=nonsense-of-mine\n")
    plain = CliRunner().invoke(main, ["total"], env={"TALLY_REST_PORT": "1"})
    assert "nonsense" not in plain.output
    named = CliRunner().invoke(main, ["--env-file", "mine", "total"])
    assert (named.exit_code, "nonsense-of-mine" in named.output) == (2, True)
    gone = CliRunner().invoke(main, ["--env-file", "gone", "total"])
    assert (gone.exit_code, "gone: no such file" in gone.output) == (2, True)


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_a_service_takes_a_file_by_its_option(tmp_path: Path, service: str) -> None:
    """A service reads the file that --env-file names, not the current folder's, and exits 2 on a wrong value."""
    (tmp_path / "mine").write_text("TALLY_LOG_LEVEL=nonsense\n")
    (tmp_path / ".env").write_text("TALLY_LOG_FORMAT=nonsense\n")
    command = [sys.executable, "-m", service, "--env-file", str(tmp_path / "mine")]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "TALLY_LOG_LEVEL is 'nonsense'" in done.stderr
    assert "TALLY_LOG_FORMAT" not in done.stderr
