"""What the guard lets through to the handlers, and what a page of another site can do through somebody's browser."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from consumer.rest.guard.hosts import allowed_names, name_of
from tests_support.consumer.rest_world import GUARD, rest_world
from tests_support.ledger.records import PARTITION
from tests_support.rest import Answer
from tests_support.running.raw_http import RawConnection
from tests_support.running.served import Served, served
from tests_support.waiting import eventually

ORDER = json.dumps({"format": "csv", "partitions": [PARTITION]})
SEEN_S = 20
JSON = {"Content-Type": "application/json"}
EVERY_KIND = (
    "/", "/schema", "/schema/page.js", "/schema/openapi.json", "/schema/assets/swagger-ui.css", "/schema/nothing",
    "/contracts", "/contracts/", "/contracts/tally.sums.v1-value.html", "/contracts/nothing", "/v1/total",
    "/v1/entries?limit=x", "/v1/exports/nothing/file", "/health/ready", "/metrics", "/nothing",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with rest_world(tmp_path_factory.mktemp("rest")) as world, served(world.app) as running:
        yield running


def asked(server: Served, method: str, path: str, headers: Mapping[str, str], body: str = "") -> Answer:
    """Return the answer to a request with exactly these headers, and a length if there is a body."""
    length = {"Content-Length": str(len(body))} if body else {}
    lines = "".join(f"{name}: {value}\n" for name, value in {"Host": "localhost", **length, **headers}.items())
    with RawConnection(server.url) as connection:
        return connection.send(f"{method} {path} HTTP/1.1\n{lines}\n{body}").answer(has_body=method != "HEAD")


def exports(server: Served) -> int:
    return len(json.loads(asked(server, "GET", "/v1/exports", {}).content))


@contextmanager
def ordered(server: Served, headers: Mapping[str, str]) -> Iterator[str]:
    """Begin an export; yield its address. It is deleted at the end, as few are kept."""
    answer = asked(server, "POST", "/v1/exports", headers, ORDER)
    assert answer.status == 202, answer
    location = answer.headers["location"]
    yield location
    assert asked(server, "DELETE", location, {}).status == 204


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "localhost.:8000", "127.0.0.1", "10.1.2.3:80", "[::1]:8000"]
)
def test_localhost_and_every_ip_address_are_names_of_the_service(server: Served, host: str) -> None:
    """REST answers under localhost and any IP address, with any port, as a forwarded port has another number."""
    assert asked(server, "GET", "/v1/total", {"Host": host}).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_name_that_is_not_the_service_s_is_421_whatever_is_asked(server: Served, method: str, host: str) -> None:
    """A name that was made to lead here (DNS rebinding) is answered 421 for each method, with the cure."""
    answer = asked(server, method, "/v1/exports", {"Host": host})
    assert answer.status == 421
    if method != "HEAD":
        assert answer.problem["type"] == "urn:tally:problem:host-not-allowed"
        assert host in answer.problem["detail"]
        assert "TALLY_REST_HOSTS" in answer.problem["detail"]


@pytest.mark.parametrize("host", ["a:b", "", "a b", "[::1", "localhost:70000", "a/b", "user@localhost", "\xe9"])
def test_a_host_that_is_no_name_is_a_400_and_no_defect(server: Served, host: str) -> None:
    """A malformed Host header is answered by a problem document, never by an error of the error handler itself."""
    answer = asked(server, "GET", "/nothing", {"Host": host})
    assert answer.status == 400
    assert answer.problem


def test_the_names_of_the_settings_are_names_of_the_service() -> None:
    """The listen address, the host of the public address and the names of TALLY_REST_HOSTS are allowed, no IP named."""
    names = allowed_names("Tally.internal", "https://tally.example:8443/", ["proxy"])
    assert names == {"localhost", "tally.internal", "tally.example", "proxy"}
    assert allowed_names("0.0.0.0", "http://0.0.0.0:8000", []) == {"localhost"}


@pytest.mark.parametrize(
    ("authority", "name"), [("[FE80::1]:80", "fe80::1"), ("A.b:1", "a.b"), ("a:", None), (":1", None)]
)
def test_the_name_of_an_authority_is_read_without_its_port(authority: str, name: str | None) -> None:
    """Name and port are told apart for names and for both kinds of IP addresses."""
    assert name_of(authority) == name


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    ],
)
@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/v1/exports", ORDER), ("POST", "/v1/audits", ""), ("DELETE", "/v1/exports/x", ""), ("PATCH", "/", ""),
])  # fmt: skip
def test_another_site_s_page_changes_nothing(
    server: Served, headers: Mapping[str, str], method: str, path: str, body: str
) -> None:
    """A call that would change something is 403 when the browser says that another site's page makes it."""
    answer = asked(server, method, path, {**JSON, **headers}, body)
    assert answer.status == 403
    assert answer.problem["type"] == "urn:tally:problem:cross-site"
    assert exports(server) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
        {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": GUARD.own_url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_the_own_page_may_order(server: Served, headers: Mapping[str, str]) -> None:
    """A program, which sends neither header, and the service's own page, also behind a proxy, may begin an export."""
    with ordered(server, {**JSON, **headers}) as location:
        assert asked(server, "GET", location, {}).status == 200


def test_another_site_s_page_may_link_here(server: Served) -> None:
    """Calls that change nothing are answered whoever links to them; what they say cannot be read by another site."""
    answer = asked(server, "GET", "/", {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp",
     "text/plain; application/json"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/exports", "/v1/audits"])
def test_a_body_that_is_not_called_json_is_415(server: Served, path: str, media_type: str) -> None:
    """A body of any other media type, or of none, is answered 415 with the allowed one and begins nothing."""
    answer = asked(server, "POST", path, {"Content-Type": media_type} if media_type else {}, ORDER)
    assert answer.status == 415
    assert answer.problem["detail"].endswith("allowed is application/json")
    assert answer.headers["accept"] == "application/json"
    assert exports(server) == 0


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_a_body_that_is_called_json_is_read(server: Served, media_type: str) -> None:
    """JSON with or without a charset is taken, and an order that needs no body needs no type."""
    with ordered(server, {"Content-Type": media_type}) as location:
        assert asked(server, "GET", location, {}).status == 200
    assert asked(server, "POST", "/v1/audits", {"Content-Length": "0"}).status in {202, 503}


def test_a_request_with_two_lengths_is_refused_and_its_connection_ends(server: Served) -> None:
    """Content-Length beside Transfer-Encoding is 400 and closes, so that nothing can be smuggled past a proxy."""
    with RawConnection(server.url) as connection:
        head = "POST /v1/exports HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
        connection.send(
            f"{head}Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\nGET /smuggled HTTP/1.1\nHost: a\n\n"
        )
        answer = connection.answer()
        assert answer.status == 400
        assert answer.problem["type"] == "urn:tally:problem:two-lengths"
        assert connection.is_closed()


def test_a_body_that_does_not_come_is_408_and_its_connection_ends(server: Served) -> None:
    """A body that is not complete in time is answered 408 with the setting that says how long, and begins nothing."""
    with RawConnection(server.url) as connection:
        head = "POST /v1/exports HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 100\n\n{"
        answer = connection.send(head).answer()
        assert answer.status == 408
        assert "TALLY_REST_BODY_TIMEOUT_MS" in answer.problem["detail"]
        assert connection.is_closed()


def test_a_body_that_is_too_large_is_413_before_it_is_read(server: Served) -> None:
    """A length above what is allowed is refused by the head alone; without a length, once so much has arrived."""
    head = "POST /v1/exports HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
    with RawConnection(server.url) as connection:
        assert connection.send(f"{head}Content-Length: 99999999999999999999\n\n").answer().problem["status"] == 413
    whole = HTTPConnection(urlsplit(server.url).netloc, timeout=SEEN_S)
    with closing(whole):
        whole.request("POST", "/v1/exports", b" " * 5_000_000, JSON)  # sends all of it before it reads the answer
        assert whole.getresponse().status == 413
    with RawConnection(server.url) as connection:
        chunk = "8000\n" + " " * 0x8000 + "\n"
        assert connection.send(f"{head}Transfer-Encoding: chunked\n\n{chunk * 3}").answer().problem["status"] == 413


@pytest.mark.parametrize("path", EVERY_KIND)
def test_every_answer_tells_a_browser_to_run_guess_and_frame_nothing(server: Served, path: str) -> None:
    """Pages, data, files, redirects and errors alike forbid frames, guessed types and scripts of others."""
    answer = asked(server, "GET", path, {})
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe-inline" not in policy.get("script-src", "")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_file_and_a_refusal_have_the_same_headers(server: Served) -> None:
    """The file of an export, and a call that the guard itself refuses, carry the headers as well."""
    with ordered(server, JSON) as location:
        eventually(lambda: asked(server, "HEAD", f"{location}/file", {}).status == 200, SEEN_S, "the file is there")
        answers = [asked(server, "HEAD", f"{location}/file", {"Host": host}) for host in ("localhost", "evil.example")]
    assert [answer.status for answer in answers] == [200, 421]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
