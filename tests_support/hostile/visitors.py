"""Strangers at the doors that speak HTTP/1.1. Each attack is bounded, ends by itself, and returns its attempts."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests_support.hostile.addresses import HOST, Addresses, connected, drained, send
from tests_support.waiting import pause

FLOOD_THREADS: Final = 16
ANSWER_S: Final = 5.0
_METHODS: Final = (b"GET", b"POST", b"BREW", b"\xff\xfe", b"GET" * 50)


def silent_connections(at: Addresses, rng: random.Random) -> int:
    """Connections on which nothing is ever said."""
    count = rng.randrange(100, 300)
    with connected(rng.choice(at.http), count):
        pause(rng.uniform(2.0, 5.0))
    return count


def slow_loris(at: Addresses, rng: random.Random) -> int:
    """Requests whose headers, or whose body, come a few bytes at a time and never end."""
    count = rng.randrange(20, 60)
    begins = (
        _request("GET /v1/total", at.rest, "X-Slow: ").rstrip(),
        _request("POST /v1/exports", at.rest, "Content-Type: application/json", "Content-Length: 900") + b"{",
    )
    with connected(at.rest, count) as taken:
        for one in taken:
            send(one, rng.choice(begins))
        for _ in range(rng.randrange(3, 8)):
            for one in taken:
                send(one, b"a")
            pause(0.5)
    return count


def junk_requests(at: Addresses, rng: random.Random) -> int:
    """What is no request, or hardly one."""
    count = rng.randrange(50, 200)
    with connected(rng.choice(at.http), count) as taken:
        for one in taken:
            path = rng.choice((b"/", b"/v1/total", b"/contracts/%00%0A", b"/" + rng.randbytes(30)))
            line = rng.choice(_METHODS) + b" " + path + b" HTTP/1.1\r\n"
            host = rng.choice((b"Host: a:b\r\n", b"Host: localhost\r\n", b"", b"Host\r\n"))
            send(one, rng.choice((line + host + b"\r\n", rng.randbytes(rng.randrange(1, 3_000)))))
        for one in taken:
            one.settimeout(0.05)
            drained(one)
    return count


def huge_headers(at: Addresses, rng: random.Random) -> int:
    """One header of up to a megabyte, or a thousand small ones."""
    count = rng.randrange(5, 15)
    with connected(rng.choice(at.http), count) as taken:
        for one in taken:
            many = b"".join(b"X-%d: y\r\n" % number for number in range(1_000))
            huge = b"X-Huge: " + b"x" * rng.randrange(70_000, 1_000_000) + b"\r\n"
            send(one, b"GET /v1/total HTTP/1.1\r\nHost: localhost\r\n" + rng.choice((many, huge)) + b"\r\n")
            one.settimeout(0.2)
            drained(one)
    return count


def metrics_flood(at: Addresses, rng: random.Random) -> int:
    """Many who want the metrics at the same moment."""
    count = rng.randrange(50, 200)
    port = rng.choice(at.http)
    return _flood(port, [_request("GET /metrics", port, "Connection: close")] * count)


def deaf_listeners(at: Addresses, rng: random.Random) -> int:
    """Listeners to the total as it moves who never read what they are told."""
    count = rng.randrange(10, 60)
    with connected(at.rest, count) as taken:
        for one in taken:
            send(one, _request("GET /v1/events", at.rest, "Accept: text/event-stream"))
        pause(rng.uniform(2.0, 5.0))
    return count


def exports_flood(at: Addresses, rng: random.Random) -> int:
    """More exports and audits than anybody needs, some of a format that there is not."""
    requests = []
    for _ in range(rng.randrange(10, 40)):
        kind = rng.choice(("exports", "exports", "audits"))
        body = json.dumps({} if kind == "audits" else {"format": rng.choice(("csv", "jsonl", "avro", "xml"))}).encode()
        headers = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
        requests.append(_request(f"POST /v1/{kind}", at.rest, *headers) + body)
    return _flood(at.rest, requests)


def _request(line: str, port: int, *headers: str) -> bytes:
    """Return a request up to its body."""
    lines = (f"{line} HTTP/1.1", f"Host: {HOST}:{port}", *headers)
    return "".join(f"{each}\r\n" for each in lines).encode() + b"\r\n"


def _flood(port: int, requests: list[bytes]) -> int:
    """Send requests, each on a connection of its own and many at once, and read the answers."""

    def ask(request: bytes) -> None:
        with connected(port, 1) as taken:
            for one in taken:
                one.settimeout(ANSWER_S)
                send(one, request)
                drained(one)

    with ThreadPoolExecutor(FLOOD_THREADS) as pool:
        list(pool.map(ask, requests))
    return len(requests)
