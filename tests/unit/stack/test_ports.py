"""Ports of a stack."""

import os
import re
import socket
from contextlib import closing

import pytest

from stack import Ports, StackError
from stack.parts.port_owner import owner_of
from stack.ports import HOST, SETTINGS, is_free, outgoing_range, require_free, warning
from stack.settings import StackSettings
from tally.base.settings import load


@pytest.fixture
def listener():
    with closing(socket.socket()) as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_free_ports_are_distinct_and_free():
    """A test stack gets a port of its own for each part, and nothing listens on any of them."""
    ports = Ports.free().by_name()
    assert len(set(ports.values())) == len(SETTINGS) == len(ports)
    assert all(is_free(port) for port in ports.values())


def test_free_ports_are_below_those_of_outgoing_connections():
    """Free ports are below 32768, where no outgoing connection can take one meanwhile."""
    # A client that tries to reach a killed broker could otherwise be given the broker's port.
    assert all(port < 32_768 for port in Ports.free().by_name().values())


def test_a_port_with_a_listener_is_not_free(listener):
    """A port on which a process listens is reported as taken."""
    assert not is_free(listener)


def test_a_port_is_free_again_right_after_its_listener_is_gone():
    """A connection that lingers in TIME_WAIT does not keep a port from being free."""
    with closing(socket.create_server((HOST, 0))) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((HOST, port))
        accepted, _ = server.accept()
        accepted.close()  # the server's end lingers in TIME_WAIT
        client.close()
    assert is_free(port)


def test_a_taken_port_is_named_with_its_owner_and_the_setting_that_moves_it(listener):
    """A taken port is refused with its owner's process id and the settings that move it."""
    ports = Ports.free().moved({"rest": listener})
    with pytest.raises(StackError) as caught:
        require_free(ports, ["grpc", "rest"])
    message = str(caught.value)
    assert f"port {listener} (rest)" in message
    assert str(os.getpid()) in message
    assert "TALLY_REST_PORT" in message
    assert "TALLY_PORT_BASE" in message
    assert "TALLY_GRPC_PORT" not in message


def test_the_owner_of_a_port_is_described_by_pid_and_command(listener):
    """The owner of a port is described by its process id and its program."""
    owner = owner_of(listener)
    assert owner.what.startswith(f"process {os.getpid()} (python")
    assert owner.cure == "end it"


def test_a_port_that_a_call_to_somewhere_else_has_is_explained():
    """A taken port without a listener is told with the process that calls, and once that has ended, with TIME-WAIT."""
    with closing(socket.create_server((HOST, 0))) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        port = client.getsockname()[1]
        ports = Ports().moved({"rest": port})
        with pytest.raises(
            StackError, match=rf"port {port} \(rest\) is taken by a connection of process {os.getpid()} "
        ):
            require_free(ports, ["rest"])
        client.close()  # who closes first keeps the port
        accepted.close()
        with pytest.raises(
            StackError, match=r"by no process.*\(TIME-WAIT\): try again in a minute, or set TALLY_REST_"
        ):
            require_free(ports, ["rest"])


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        (Ports(), None),
        (Ports.at_base(21_000), None),
        (Ports.at_base(32_760), "ports 32768 to 32772 are among"),
        (Ports().moved({"rest": 40_000}), r"port 40000 is among those .* \(32768 to 60999\).* below 32768"),
    ],
)
def test_ports_chosen_among_those_of_outgoing_connections_are_told(ports, told):
    """A base or a port in the range of outgoing connections is a warning; the default of gRPC's port is none."""
    found = warning(ports, range(32_768, 61_000))
    assert found is None if told is None else re.match(told, found or "")


def test_the_range_of_outgoing_connections_is_the_system_s(tmp_path):
    """The range is what Linux says, and the usual one where nothing is said or it cannot be read."""
    file = tmp_path / "range"
    file.write_text("20000\t30000\n")
    assert outgoing_range(file) == range(20_000, 30_001)
    file.write_text("x")
    assert outgoing_range(file) == outgoing_range(tmp_path / "none") == range(49_152, 65_536)


def test_every_port_is_moved_by_a_setting_of_its_own():
    """Each port of the stack has a setting, and each of these settings exists."""
    assert set(SETTINGS) == set(Ports().by_name())
    fields = {f"TALLY_{name.upper()}" for name in StackSettings.model_fields}
    assert set(SETTINGS.values()) <= fields


def test_a_base_moves_all_ports_and_a_setting_of_its_own_wins(monkeypatch):
    """TALLY_PORT_BASE moves all ports but one that has a setting of its own."""
    for name in SETTINGS.values():
        monkeypatch.delenv(name, raising=False)
    ports = load(StackSettings, port_base=21_000, rest_port=8_123, _env_file=None).ports()
    assert ports == Ports(*[*range(21_000, 21_005), 8_123, *range(21_006, 21_013)])


def test_two_parts_cannot_share_a_port():
    """Two parts on one port are refused with both settings and the port."""
    with pytest.raises(StackError, match="TALLY_REST_PORT and TALLY_GRPC_PORT are both 8000"):
        Ports().moved({"grpc": 8_000})


def test_without_settings_the_ports_are_those_of_the_documents(monkeypatch):
    """Without settings each part has the port that the documents name."""
    for name in [*SETTINGS.values(), "TALLY_PORT_BASE"]:
        monkeypatch.delenv(name, raising=False)
    services = (9092, 9093, 8081, 8082, 50051, 8000, 9464)
    engines = (4318, 16686, 9428, 8428, 9090, 9404)
    assert load(StackSettings, _env_file=None).ports() == Ports(*services, *engines)
