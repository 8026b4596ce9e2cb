"""What runs is found whatever the environment says: its data folder and its ports."""

import os
from pathlib import Path

import pytest

from stack import Ports, Stack, StackError, checkout, processes, whereabouts
from stack.checkout import settings_of_checkout, stack_addressed, stack_found, stack_of
from stack.processes import Mark
from tally.base.addresses import BASE, KAFKA, PORTS, REGISTRY

PORTS_USED = Ports.at_base(21_000)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing runs, and an environment that sets nothing."""
    for name in (BASE, KAFKA, REGISTRY, "TALLY_DATA_DIR", *PORTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    return tmp_path


def running(data_dir: Path, ports: Ports = PORTS_USED) -> Path:
    """Let this very process be the producer of a data folder."""
    beginning = processes.beginning_of(os.getpid())
    assert beginning is not None
    (data_dir / "run").mkdir(parents=True)
    processes.write_mark(data_dir / "run" / "producer.json", Mark(os.getpid(), beginning, 0.0))
    whereabouts.note_ports(data_dir, ports)
    return data_dir


def test_a_stack_that_runs_is_on_the_ports_that_it_was_started_with(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings of ports move a stack only when nothing of it runs."""
    data_dir = running(root / "data")
    monkeypatch.setenv("TALLY_REST_PORT", "7")
    assert stack_of(settings_of_checkout()).ports == PORTS_USED
    (data_dir / "run" / "producer.json").unlink()
    assert stack_of(settings_of_checkout()).ports == Ports().moved({"rest": 7})


@pytest.mark.parametrize("noted", ["", "{}x", '{"kafka": 1, "unknown": 2}', "[]"])
def test_ports_that_cannot_be_read_are_those_of_the_settings(root: Path, noted: str) -> None:
    """A note of ports that is damaged or of another version stops no command."""
    (running(root / "data") / "run" / "ports.json").write_text(noted)
    assert stack_of(settings_of_checkout()).ports == Ports()


def test_whoever_calls_a_stack_reaches_what_runs_unless_an_address_is_set(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`just run tally` finds the stack that runs, and TALLY_PORT_BASE or a port that is set wins over it."""
    running(root / "data")
    assert stack_addressed(settings_of_checkout()).ports == PORTS_USED
    monkeypatch.setenv("TALLY_GRPC_PORT", "7")
    assert stack_addressed(settings_of_checkout()).ports == PORTS_USED.moved({"grpc": 7})
    monkeypatch.setenv(BASE, "22000")
    assert stack_addressed(settings_of_checkout()).ports == Ports.at_base(22_000).moved({"grpc": 7})


def test_a_stack_of_another_data_folder_is_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without TALLY_DATA_DIR, status, logs and down take the one stack of the checkout that runs, on its ports."""
    elsewhere = running(root / "else where")
    whereabouts.remember(root, elsewhere)
    found = stack_found(settings_of_checkout())
    assert (found.data_dir, found.ports, found.running()) == (elsewhere, PORTS_USED, ["producer"])
    assert str(elsewhere) in capsys.readouterr().err


def test_a_data_folder_that_is_named_is_the_one_that_is_meant(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With TALLY_DATA_DIR no other stack is stopped, but it is told."""
    elsewhere = running(root / "elsewhere")
    whereabouts.remember(root, elsewhere)
    monkeypatch.setenv("TALLY_DATA_DIR", str(root / "mine"))
    assert stack_found(settings_of_checkout()).data_dir == root / "mine"
    assert f"TALLY_DATA_DIR={elsewhere}" in capsys.readouterr().err


def test_several_stacks_are_told_apart_by_the_caller(root: Path) -> None:
    """If several stacks run and none in the data folder of the settings, each is named and nothing is done."""
    for name in ("one", "two"):
        whereabouts.remember(root, running(root / name))
    with pytest.raises(StackError, match=rf"(?s)say which.*TALLY_DATA_DIR={root}/one\b|TALLY_DATA_DIR={root}/two\b"):
        stack_found(settings_of_checkout())
    running(root / "data")
    assert stack_found(settings_of_checkout()).data_dir == root / "data"


def test_a_stack_that_ended_is_forgotten(root: Path) -> None:
    """What no longer runs is told no more, and its note is gone."""
    whereabouts.remember(root, root / "gone")
    assert whereabouts.running(root) == []
    assert list((root / "build" / "stacks").iterdir()) == []


def test_a_kafka_of_one_s_own_is_used_and_none_started(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TALLY_KAFKA_BOOTSTRAP_SERVERS and TALLY_REGISTRY_URL reach the services, and `just up` starts no such part."""
    monkeypatch.setenv(KAFKA, "far:1")
    stack = stack_of(settings_of_checkout())
    assert dict(stack.absent) == {"kafka": "far:1"}
    environment = stack._launch("producer").environment
    assert (environment[KAFKA], environment[REGISTRY]) == ("far:1", "http://127.0.0.1:8081/apis/ccompat/v7")
    monkeypatch.setenv(KAFKA, "127.0.0.1:9092")
    monkeypatch.setenv(REGISTRY, "http://127.0.0.1:8081/apis/ccompat/v7/")
    assert dict(stack_of(settings_of_checkout()).absent) == {}
    assert dict(Stack(root, Ports()).absent) == {}
