"""No secret is ever shown: by a service's start, an error, a command, the log."""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from loguru import logger

from observability import logs
from tally.base.settings import Settings, SettingsError, effective, load
from tests_support.checkout import ROOT

SECRET = "s3cr3t"
ADDRESSES = [
    f"http://u:{SECRET}/et@127.0.0.1:2/x",
    f"http://u:{SECRET}?et@127.0.0.1:2",
    f"http://u:{SECRET}@ret@127.0.0.1:2/x",
    f"http://u:{SECRET}@127.0.0.1:2/x",
    f"http://{SECRET}@127.0.0.1:2",
    f"http://u:{SECRET}",
    f"http://u:{SECRET} x@127.0.0.1:2",
    f"u:{SECRET}@127.0.0.1:2",
    f"ftp://u:{SECRET}@127.0.0.1:2",
]
PROPERTIES = [
    f"sasl.password: {SECRET}",
    f"sasl.password {SECRET}",
    f"{SECRET}",
    f"sasl.password={SECRET}\\",
    f"security.protocol={SECRET}",
    f"security.protocol=SASL_SSL sasl.password={SECRET}",
    f"sasl.passwrd={SECRET}",
    f"ssl.key.pem={SECRET}\nsecurity.protocol=ssl",
]
COMMANDS = {
    "verify": ["-m", "tally", "verify", "--topic", "127.0.0.1:2/x", "--ledger", "data"],
    "producer": ["-m", "producer"],
    "consumer": ["-m", "consumer"],
    "tail": ["-m", "tally", "tail"],
    "total": ["-m", "tally", "total"],
    "replay-dlt": ["-m", "tally", "replay-dlt"],
    "codegen plan": ["-m", "codegen", "plan", "--registry", "http://127.0.0.1:2"],
    "stack status": ["-m", "stack", "status"],
}


def said(arguments: list[str], settings: dict[str, str], folder: Path) -> str:
    """Return all that a program says; a service that could start finds its port taken."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TALLY_", "OTEL_"))}
    ports = {
        "TALLY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:2",
        "TALLY_DATA_DIR": str(folder / "data"),
        "TALLY_ENV_FILE": "",
    }
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**own, **ports, "TALLY_GRPC_PORT": port, "TALLY_REST_PORT": port, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0 or "stack" in arguments
    return done.stdout


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_start_shows_no_password_of_an_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of effective settings, or the error of one that is refused; and an error names the setting."""
    monkeypatch.setenv("TALLY_REGISTRY_URL", address)
    try:
        shown = json.dumps(effective(load(Settings, _env_file=None)))
    except SettingsError as error:
        shown = str(error)
        assert shown.startswith("TALLY_REGISTRY_URL is ")
    assert SECRET not in shown


@pytest.mark.parametrize("name", ["TALLY_REGISTRY_PASSWORD", "TALLY_REGISTRY_TOKEN", "TALLY_REGISTRY_KEY_PASSWORD"])
def test_a_start_shows_no_setting_that_is_a_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask, whatever it is, also when it is not given."""
    monkeypatch.setenv(name, SECRET)
    assert effective(load(Settings, _env_file=None))[name] == "***"


@pytest.mark.slow
@pytest.mark.parametrize("program", COMMANDS)
def test_no_program_shows_a_password_of_an_address(program: str, tmp_path: Path) -> None:
    """Of no address in any setting, whether it can be understood or not."""
    for address in ADDRESSES if program == "consumer" else ADDRESSES[:4:3]:
        names = ("TALLY_REGISTRY_URL", "TALLY_REST_URL", "OTEL_EXPORTER_OTLP_ENDPOINT")
        assert SECRET not in said(COMMANDS[program], dict.fromkeys(names, address), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["producer", "consumer", "tail", "verify"])
def test_no_program_shows_a_value_of_a_property(program: str, tmp_path: Path) -> None:
    """A line that is not understood, or a property that Kafka's client refuses, is named without its value."""
    file = tmp_path / "client.properties"
    for line in PROPERTIES:
        file.write_text(f"{line}\n", encoding="utf-8")
        shown = said(COMMANDS[program], {"TALLY_KAFKA_CONFIG": str(file)}, tmp_path)
        assert SECRET not in shown
        assert "Traceback" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("address", ADDRESSES)
def test_codegen_shows_no_password_of_a_registry(address: str, tmp_path: Path) -> None:
    """Neither of a registry that is no address nor of one that does not answer."""
    assert SECRET not in said(["-m", "codegen", "plan", "--registry", address], {}, tmp_path)


def test_the_log_shows_no_header_of_telemetry(capsys: pytest.CaptureFixture[str]) -> None:
    """OpenTelemetry shows an entry that it does not understand; we do not."""
    from opentelemetry.util.re import parse_env_headers

    logs.configure("producer", "INFO", "json")
    parse_env_headers(f"Authorization: Bearer {SECRET}", liberal=True)
    logging.getLogger("any").error("no answer at http://u:%s@h/x", SECRET)
    logger.remove()
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 2
    assert SECRET not in shown
