"""HEAD and OPTIONS of every path."""

from typing import Any

from litestar.testing import TestClient

Client = TestClient[Any]

REQUEST_ID = "c45facb5-2d96-4ead-8328-46c9aab12dec"
PAGES = (
    "/",
    "/metrics",
    "/contracts/",
    "/schema/openapi.json",
    "/schema/assets/swagger-ui.css",
    "/schema",
    "/favicon.ico",
)


def paths_of(client: Client) -> dict[str, set[str]]:
    """Return the methods of each path: pages, and the calls of the document with values for their parameters."""
    found: dict[str, set[str]] = {path: {"GET"} for path in PAGES}
    for path, item in client.get("/schema/openapi.json").json()["paths"].items():
        filled = path.format(request_id=REQUEST_ID, partition=3, first_offset=0, export_id="x", audit_id="x")
        found.setdefault(filled, set()).update(method.upper() for method in item)
    return found


def test_head_answers_as_get_without_a_body_and_allow_names_every_method(client: Client) -> None:
    """Each path that takes GET takes HEAD, with GET's status and headers, and OPTIONS and 405 name all its methods."""
    for path, methods in paths_of(client).items():
        wanted = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for asked in ("OPTIONS", "PATCH"):
            answer = client.request(asked, path)
            assert answer.status_code == (204 if asked == "OPTIONS" else 405), path
            assert set(answer.headers["allow"].split(", ")) == wanted, (asked, path)
            if asked == "PATCH":
                assert answer.json()["detail"].endswith(f"allowed is {', '.join(sorted(wanted))}"), path
        if path != "/v1/events":
            head, get = client.head(path), client.get(path)
            assert head.status_code == get.status_code, path
            assert head.content == b""
            assert head.headers["content-type"] == get.headers["content-type"]


def test_head_of_a_stream_ends_at_once_and_leaves_room_for_the_next(client: Client) -> None:
    """HEAD of /v1/events is answered at once however often it is asked, and holds no place among the listeners."""
    for _ in range(10):
        answer = client.head("/v1/events")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
