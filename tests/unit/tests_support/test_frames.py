"""Kafka's frames are cut and named right however the bytes arrive, and a proxy does to them what it was told."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests_support.chaos.frames import FRAME_BYTES_MAX, Conversation, NotKafkaError, Splitter
from tests_support.chaos.proxy import KafkaProxy
from tests_support.waiting import eventually

END_TXN, FETCH, UNKNOWN = 26, 1, 999


def request(key: int, correlation_id: int, body: bytes = b"") -> bytes:
    payload = struct.pack(">hhi", key, 3, correlation_id) + body
    return struct.pack(">i", len(payload)) + payload


def answer(correlation_id: int, body: bytes = b"") -> bytes:
    payload = struct.pack(">i", correlation_id) + body
    return struct.pack(">i", len(payload)) + payload


@given(st.lists(st.binary(min_size=1, max_size=40)), st.data())
def test_frames_are_whole_wherever_the_reads_end(payloads: list[bytes], data: st.DataObject) -> None:
    """Any split of a byte stream yields the same whole frames."""
    frames = [struct.pack(">i", len(each)) + each for each in payloads]
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    splitter = Splitter()
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[start:end])
    assert found == frames


def test_requests_are_named_by_their_key_and_answers_by_their_request() -> None:
    """A request is named by its API key and an answer by the request with its correlation id."""
    talk = Conversation()
    asked = talk.requests(request(END_TXN, 7) + request(FETCH, 8) + request(UNKNOWN, 9))
    assert [(frame.api, frame.correlation_id) for frame in asked] == [("EndTxn", 7), ("Fetch", 8), ("api-999", 9)]
    answers = talk.answers(answer(8, b"x") + answer(7))
    assert [(frame.api, frame.raw) for frame in answers] == [("Fetch", answer(8, b"x")), ("EndTxn", answer(7))]


@pytest.mark.parametrize("length", [0, -1, FRAME_BYTES_MAX + 1])
def test_a_length_that_no_frame_has_is_not_kafka(length: int) -> None:
    """A frame of zero, negative or excessive length is refused as not Kafka's."""
    with pytest.raises(NotKafkaError, match=str(length)):
        Splitter().feed(struct.pack(">i", length) + b"....")


def test_an_answer_that_nobody_asked_for_is_not_kafka() -> None:
    """An answer whose correlation id was never sent is refused as not Kafka's."""
    with pytest.raises(NotKafkaError, match="request 3, which was never sent"):
        Conversation().answers(answer(3))


def test_frames_without_a_header_are_not_kafka() -> None:
    """A request or an answer too short for its header is refused as not Kafka's."""
    with pytest.raises(NotKafkaError, match="has no header"):
        Conversation().requests(struct.pack(">i", 2) + b"ab")
    with pytest.raises(NotKafkaError, match="has no correlation id"):
        Conversation().answers(struct.pack(">i", 2) + b"ab")


# -- the proxy, before a server that answers every request with its correlation id ---------------------------------


class Echo:
    """A broker as far as a proxy can tell: it answers every request and remembers what reached it."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        splitter = Splitter()
        with connection:
            while data := connection.recv(65536):
                for raw in splitter.feed(data):
                    (correlation_id,) = struct.unpack_from(">i", raw, 8)
                    self.received.append(correlation_id)
                    connection.sendall(answer(correlation_id, b"yes"))

    def close(self) -> None:
        self._server.close()


@contextmanager
def echo_behind_proxy() -> Iterator[tuple[Echo, KafkaProxy]]:
    with closing(Echo()) as echo, closing(KafkaProxy(echo.port)) as proxy:
        yield echo, proxy


@contextmanager
def client(proxy: KafkaProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as connection:
        yield connection


def receive(connection: socket.socket, frames: int = 1) -> list[bytes]:
    """Return so many frames, fewer when the connection ends."""
    splitter = Splitter()
    found: list[bytes] = []
    while len(found) < frames and (data := connection.recv(65536)):
        found += splitter.feed(data)
    return found


def test_what_no_rule_is_for_passes_unchanged() -> None:
    """Without a rule the proxy passes requests and answers on as they are, and counts them by API."""
    with echo_behind_proxy() as (_, proxy), client(proxy) as connection:
        connection.sendall(request(END_TXN, 1) + request(FETCH, 2))
        assert receive(connection, 2) == [answer(1, b"yes"), answer(2, b"yes")]
        assert proxy.seen["request", "EndTxn"] == proxy.seen["answer", "Fetch"] == 1


def test_a_held_request_reaches_the_broker_after_its_client_has_gone() -> None:
    """A held request is delivered when it is released, after later ones, though its client is gone."""
    with echo_behind_proxy() as (echo, proxy):
        held = proxy.hold("EndTxn")
        with client(proxy) as connection:
            connection.sendall(request(END_TXN, 5))
            held.wait_caught()
        assert echo.received == []
        with client(proxy) as another:
            another.sendall(request(END_TXN, 6))
            assert receive(another) == [answer(6, b"yes")]
        held.release()
        eventually(lambda: echo.received == [6, 5], 20, "the stray request arrives after the later one")


def test_a_held_answer_comes_when_it_is_released() -> None:
    """A held answer reaches its client once it is released; the broker had the request before."""
    with echo_behind_proxy() as (echo, proxy), client(proxy) as connection:
        held = proxy.hold("Fetch", "answer")
        connection.sendall(request(FETCH, 5))
        held.wait_caught()
        assert echo.received == [5]
        held.release()
        assert receive(connection) == [answer(5, b"yes")]


def test_a_dropped_request_is_swallowed_and_the_next_one_passes() -> None:
    """A rule to drop one request swallows the first and lets the second through."""
    with echo_behind_proxy() as (echo, proxy), client(proxy) as connection:
        dropped = proxy.drop(["EndTxn"], count=1)
        connection.sendall(request(END_TXN, 1) + request(END_TXN, 2))
        assert receive(connection) == [answer(2, b"yes")]
        assert (dropped.caught, echo.received) == (1, [2])


def test_a_cut_request_never_arrives_and_a_cut_answer_is_lost() -> None:
    """A cut ends the connection before the request reaches the broker, or before its answer is back."""
    with echo_behind_proxy() as (echo, proxy):
        proxy.cut("EndTxn")
        with client(proxy) as connection:
            connection.sendall(request(END_TXN, 1))
            assert_cut(connection)
        assert echo.received == []
        proxy.cut("EndTxn", "answer")
        with client(proxy) as connection:
            connection.sendall(request(END_TXN, 2))
            assert_cut(connection)
        assert echo.received == [2]


def assert_cut(connection: socket.socket) -> None:
    try:
        assert receive(connection) == []
    except ConnectionError:
        return


def test_a_one_way_partition_lets_requests_through_and_no_answer() -> None:
    """In a one-way partition requests arrive and answers do not; afterwards both pass again."""
    with echo_behind_proxy() as (echo, proxy), client(proxy) as connection:
        with proxy.partitioned("answer"):
            connection.sendall(request(FETCH, 1))
            eventually(lambda: proxy.seen["answer", "Fetch"] == 1, 20, "the answer is swallowed")
        assert echo.received == [1]
        assert_cut(connection)
        with client(proxy) as another:
            another.sendall(request(FETCH, 2))
            assert receive(another) == [answer(2, b"yes")]


def test_a_proxy_that_refuses_cuts_what_there_is_and_what_comes() -> None:
    """A refusing proxy ends open connections and each new one."""
    with echo_behind_proxy() as (_, proxy), client(proxy) as connection:
        connection.sendall(request(FETCH, 1))
        receive(connection)
        with proxy.refusing():
            assert_cut(connection)
            with client(proxy) as another:
                assert_cut(another)


def test_a_cleared_proxy_lets_go_what_it_held_and_takes_nothing_more() -> None:
    """Clearing the rules releases the held request, and later ones pass."""
    with echo_behind_proxy() as (echo, proxy), client(proxy) as connection:
        held = proxy.hold("EndTxn", count=None)
        connection.sendall(request(END_TXN, 1))
        held.wait_caught()
        proxy.clear()
        connection.sendall(request(END_TXN, 2))
        assert receive(connection, 2) == [answer(1, b"yes"), answer(2, b"yes")]
        assert echo.received == [1, 2]


def test_a_connection_that_speaks_tls_passes_as_it_is() -> None:
    """A connection that begins with a TLS hello is passed through byte for byte."""
    hello = b"\x16\x03\x01\x02\x00" + bytes(range(256))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        closing(KafkaProxy(server.getsockname()[1])) as proxy,
        client(proxy) as connection,
    ):
        connection.sendall(hello)
        upstream, _ = server.accept()
        with upstream:
            assert upstream.recv(len(hello), socket.MSG_WAITALL) == hello
            upstream.sendall(b"anything")
            assert connection.recv(8, socket.MSG_WAITALL) == b"anything"


def test_a_rule_for_an_api_that_does_not_exist_is_refused() -> None:
    """A rule for a misspelt API fails at once, since it would never apply."""
    with echo_behind_proxy() as (_, proxy), pytest.raises(AssertionError, match="no such API"):
        proxy.hold("EndTransaction")
