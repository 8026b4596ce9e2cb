"""A TCP proxy before one broker that knows Kafka's frames: it can hold, drop, delay or cut one request or answer.

Theory of operation. A proxy has a thread with an event loop; tests call it from their own. Each connection has two
pumps, requests to the broker and answers to the client, and each takes frame by frame past the rules in force. A frame
that is held stops everything behind it in its direction, as a network would. A client that gives up closes its side;
what was held goes to the broker all the same when it is released, over the connection it came on: a stray request.
Nothing is rewritten: the broker advertises the proxy's address to those who come through it.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeVar

from tests_support.chaos.frames import APIS, Conversation, Frame, NotKafkaError
from tests_support.waiting import eventually, pause_async

Direction = Literal["request", "answer"]
Action = Literal["hold", "drop", "cut", "pass"]
EVERYTHING: Final = frozenset({*APIS.values()})
COORDINATOR: Final = frozenset({"InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn"})
"""What a transactional producer asks its coordinator."""

_TLS: Final = b"\x16"
"""How TLS begins: as the length of a frame it would be more than a broker takes. Such a connection passes as it is."""
_READ_BYTES: Final = 256 * 1024
_WAIT_S: Final = 30.0
_LAST_ANSWER_S: Final = 2.0
T = TypeVar("T")


@dataclass(eq=False)
class Rule:
    """What happens to the frames of some APIs in one direction. ``left`` is how many more it takes; None is all."""

    apis: frozenset[str]
    direction: Direction
    action: Action
    left: int | None
    caught: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    forwarded: int = 0  # of those held: how many went on after their release

    def takes(self, frame: Frame, direction: Direction) -> bool:
        """Tell whether a frame is this rule's, and count it."""
        if direction != self.direction or frame.api not in self.apis or self.left == 0:
            return False
        self.left = None if self.left is None else self.left - 1
        self.caught += 1
        return True


class Fault:
    """A rule as its test holds it."""

    def __init__(self, proxy: "KafkaProxy", rule: Rule) -> None:
        """Use the methods of `KafkaProxy`."""
        self._proxy, self._rule = proxy, rule

    def wait_caught(self, number: int = 1, timeout_s: float = _WAIT_S) -> Self:
        """Return when so many frames met the rule."""
        rule = self._rule
        what = f"{number} {rule.direction}s of {', '.join(sorted(rule.apis))} are caught ({rule.action})"
        eventually(lambda: rule.caught >= number, timeout_s, what, interval_s=0.005)
        return self

    @property
    def caught(self) -> int:
        """Return how many frames met the rule."""
        return self._rule.caught

    def release(self) -> None:
        """Let go what is held, on its old connections, and take nothing more. Return when it went on."""
        held = self._rule.caught if self._rule.action == "hold" else 0
        self.end()
        eventually(lambda: self._rule.forwarded >= held, _WAIT_S, "what was held went on", interval_s=0.005)

    def end(self) -> None:
        """Take nothing more; what is held is let go."""
        self._proxy.run(self._proxy.remove(self._rule))


@dataclass(eq=False)
class _Connection:
    """One client's connection and the one to the broker."""

    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    broker: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    talk: Conversation = field(default_factory=Conversation)
    opaque: bool = False

    def close(self) -> None:
        """Close both sides at once."""
        for _, writer in (self.client, self.broker):
            if writer.transport is not None:
                writer.transport.abort()


class KafkaProxy:
    """See the module's theory of operation. Close it."""

    def __init__(self, upstream_port: int, host: str = "127.0.0.1") -> None:
        """Listen on ``port``, a free one of loopback, for a broker on ``upstream_port``, which need not run yet."""
        self._host, self._upstream_port = host, upstream_port
        self._rules: list[Rule] = []
        self._connections: set[_Connection] = set()
        self._latency_s, self._bytes_per_s = 0.0, 0.0
        self._refusing = False
        self.seen: Counter[tuple[str, str]] = Counter()  # (direction, API) -> frames that came
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kafka-proxy", daemon=True)
        self._thread.start()
        self._server = self.run(asyncio.start_server(self._serve, host, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    # -- what a test asks for ----------------------------------------------------------------------------------------

    def hold(self, api: str, direction: Direction = "request", *, count: int | None = 1) -> Fault:
        """Hold the next frames back, and what comes behind them, until `Fault.release`."""
        return self._add([api], direction, "hold", count)

    def drop(self, apis: Collection[str], direction: Direction = "request", *, count: int | None = None) -> Fault:
        """Swallow frames. All of them, in one direction, is a one-way partition."""
        return self._add(apis, direction, "drop", count)

    def cut(self, api: str, direction: Direction = "request", *, count: int | None = 1) -> Fault:
        """Cut the connection on which a frame comes: a request never arrives, an answer is lost."""
        return self._add([api], direction, "cut", count)

    def watch(self, api: str, direction: Direction = "request") -> Fault:
        """Count frames and let them pass."""
        return self._add([api], direction, "pass", None)

    @contextmanager
    def partitioned(self, *directions: Direction) -> Iterator[None]:
        """Swallow everything in the given directions, in both when none is given, for a while."""
        faults = [self.drop(EVERYTHING, direction) for direction in directions or ("request", "answer")]
        try:
            yield
        finally:
            for fault in faults:
                fault.end()
            self.cut_all()  # what was swallowed is missing in the middle of a stream

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Close every connection, and each new one at once, for a while."""
        self._refusing = True
        self.cut_all()
        try:
            yield
        finally:
            self._refusing = False

    @contextmanager
    def slow(self, latency_s: float, bytes_per_s: float) -> Iterator[None]:
        """Make each frame wait, and its bytes trickle, for a while."""
        self._latency_s, self._bytes_per_s = latency_s, bytes_per_s
        try:
            yield
        finally:
            self._latency_s = self._bytes_per_s = 0.0

    def cut_all(self) -> None:
        """Cut every connection there is."""

        async def cut() -> None:
            for connection in list(self._connections):
                connection.close()

        self.run(cut())

    def clear(self) -> None:
        """Put every rule out of force: what is held is let go."""

        async def clear() -> None:
            for rule in list(self._rules):
                await self.remove(rule)

        self.run(clear())

    def close(self) -> None:
        """End; every connection is cut."""
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the proxy's loop and return what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    async def remove(self, rule: Rule) -> None:
        """Take a rule out of force and let go what it holds."""
        if rule in self._rules:
            self._rules.remove(rule)
        rule.left = 0
        rule.let_go.set()

    def _add(self, apis: Collection[str], direction: Direction, action: Action, count: int | None) -> Fault:
        unknown = set(apis) - EVERYTHING
        assert not unknown, f"no such API: {unknown}; known are {sorted(EVERYTHING)}"

        async def add() -> Rule:
            rule = Rule(frozenset(apis), direction, action, count)
            self._rules.append(rule)
            return rule

        return Fault(self, self.run(add()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            broker = await asyncio.open_connection(self._host, self._upstream_port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((reader, writer), broker)
        self._connections.add(connection)
        pumps = [self._loop.create_task(self._pump(connection, direction)) for direction in ("request", "answer")]
        try:
            ended, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if pumps[0] in ended:  # the client is gone; what it had sent is carried out first
                await asyncio.wait(pumps[1:], timeout=_LAST_ANSWER_S)
            connection.close()
            await asyncio.wait(pumps)
        finally:
            connection.close()
            self._connections.discard(connection)

    async def _pump(self, connection: _Connection, direction: Direction) -> None:
        talk = connection.talk
        asked = direction == "request"
        reader = (connection.client if asked else connection.broker)[0]
        writer = (connection.broker if asked else connection.client)[1]
        frames_of: Callable[[bytes], list[Frame]] = talk.requests if asked else talk.answers
        with suppress(OSError, NotKafkaError):
            while data := await reader.read(_READ_BYTES):
                connection.opaque = connection.opaque or (asked and data.startswith(_TLS))
                if connection.opaque:
                    writer.write(data)
                    await writer.drain()
                    continue
                for frame in frames_of(data):
                    if not await self._pass(frame, direction, writer):
                        connection.close()
                        return

    async def _pass(self, frame: Frame, direction: Direction, writer: asyncio.StreamWriter) -> bool:
        """Take a frame past the rules; tell whether the connection lives on."""
        self.seen[direction, frame.api] += 1
        rule = next((rule for rule in self._rules if rule.takes(frame, direction)), None)
        match rule.action if rule else "pass":
            case "cut":
                return False
            case "drop":
                return True
            case "hold":
                assert rule is not None
                await rule.let_go.wait()
        if self._latency_s or self._bytes_per_s:
            await pause_async(self._latency_s + len(frame.raw) / (self._bytes_per_s or float("inf")))
        try:
            writer.write(frame.raw)
            await writer.drain()
        except OSError:
            return direction == "answer"  # a client that is gone does not end what its requests began
        finally:
            if rule is not None:
                rule.forwarded += 1
        return True

    async def _end(self) -> None:
        self._server.close()
        for rule in list(self._rules):
            await self.remove(rule)
        for connection in list(self._connections):
            connection.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
