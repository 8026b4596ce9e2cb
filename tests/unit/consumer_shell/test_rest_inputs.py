"""What REST takes and what it refuses: every parameter and body of every call, paths, and their answers.

The calls and their parameters come from the OpenAPI document, so that a new one is tried without a line here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import schemathesis
from litestar.testing import TestClient

from consumer.settings import ConsumerSettings
from tally.generated.topics import SUMS
from tests_support.consumer.rest_world import rest_world
from tests_support.ledger.records import PARTITION

Client = TestClient[Any]

BROWSER: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FORMATS: Final = "csv, jsonl, parquet, avro"
NOT_WORDS_OF_OURS: Final = (
    "ParamType",
    "KeyError",
    "Validation failed",
    "regex",
    "^[",
    "Expected `",
    "'data'",
    "msgspec",
)
"""What would show the insides of a program to the caller of another."""
WRONG_NUMBERS: Final = [
    "",
    "x",
    "-1",
    "+1",
    "1_0",
    "1.0",
    "1e1",
    "0x1",
    " 1",
    "1 ",
    "true",
    "null",
    "٣",
    "\uff13",
    "²",
    "9" * 30,
]
WRONG_TEXTS: Final = ["", "x", "٣:1", "3:1_0", "3:-٣", "3:1\n", "\x00", "a" * 1_000]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    directory: Path = tmp_path_factory.mktemp("rest")
    with rest_world(directory) as made, TestClient(made.app, raise_server_exceptions=False) as client:
        client.follow_redirects = False
        yield client


def problem(answer: Any, *statuses: int) -> Any:
    """Return the problem document that an answer must be, in words for its caller."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"].startswith("urn:tally:problem:")
    assert {"type", "title", "status", "detail"} <= set(body)
    assert [word for word in NOT_WORDS_OF_OURS if word in answer.text] == []
    return body


def operations(client: Client) -> Iterator[tuple[str, str, Any]]:
    """Yield path, method and operation of each call in the document."""
    for path, item in client.get("/schema/openapi.json").json()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def filled(path: str, **values: str) -> str:
    """Return a path with values for its parameters, some of them given."""
    usual = {"request_id": "c45facb5-2d96-4ead-8328-46c9aab12dec", "partition": "3", "first_offset": "0",
             "export_id": "none", "audit_id": "none"}  # fmt: skip
    return path.format(**{**usual, **values})


def test_every_parameter_of_every_call_names_a_wrong_value_and_what_is_allowed(client: Client) -> None:
    """Each wrong value of each parameter in the document is 4xx with its name, the value and what is allowed."""
    tried = 0
    for path, method, operation in operations(client):
        for parameter in (each for each in operation.get("parameters", ()) if each["in"] != "header"):
            name, number = parameter["name"], parameter["schema"]["type"] == "integer"
            for value in WRONG_NUMBERS if number else WRONG_TEXTS:
                if parameter["in"] == "query":
                    answer = client.request(method, filled(path), params={name: value})
                elif value.strip():
                    answer = client.request(method, filled(path, **{name: quote(value, safe="")}))
                else:
                    continue
                body = problem(answer, *((400,) if parameter["in"] == "query" else (400, 404)))
                kinds = name.removesuffix("_id"), name
                assert any(kind in body["detail"] for kind in kinds), (path, name, value, body)
                assert "allowed is" in body["detail"] or "there is no" in body["detail"], body
                tried += 1
    assert tried > 100, "the document has parameters"


def test_a_parameter_that_no_call_has_is_refused_with_those_that_it_has(client: Client) -> None:
    """Each call in the document refuses an unknown parameter, a known one given twice, and a query that is no UTF-8."""
    for path, method, operation in operations(client):
        known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        body = problem(client.request(method, filled(path) + "?nosuch=1"), 400)
        assert "'nosuch'" in body["detail"]
        assert all(name in body["detail"] for name in known)
        problem(client.request(method, filled(path) + "?%ff=1"), 400)
        for name in known:
            assert name in problem(client.request(method, filled(path) + f"?{name}=1&{name}=1"), 400)["detail"]
    problem(client.get("/v1/total?" + "&" * 3_000), 400)


def test_a_parameter_that_is_nearly_right_is_told_the_right_one(client: Client) -> None:
    """A misspelt parameter or field is answered with the one that is meant."""
    assert problem(client.get("/v1/entries?limt=1"), 400)["detail"].endswith("did you mean limit?")
    order = {"fromat": "csv"}
    assert problem(client.post("/v1/exports", json=order), 400)["detail"].endswith("did you mean format?")


@pytest.mark.parametrize("path", ["/", "/metrics", "/schema", "/contracts/", "/favicon.ico"])
def test_a_page_takes_any_query(client: Client, path: str) -> None:
    """Pages, their files and /metrics answer whatever stands in the query, as a link from elsewhere may have some."""
    assert client.get(f"{path}?utm_source=x&utm_source=y&%ff").status_code == 200


@pytest.mark.parametrize(
    ("body", "name", "allowed"),
    [
        (b'{"format":"xml"}', "format", FORMATS),
        (b'{"format":1}', "format", FORMATS),
        (b'{"format":null}', "format", FORMATS),
        (b"{}", "format", FORMATS),
        (b'{"format":"csv","from":0}', "from", "RFC 3339"),
        (b'{"format":"csv","from":1.5}', "from", "RFC 3339"),
        (b'{"format":"csv","to":"0"}', "to", "RFC 3339"),
        (b'{"format":"csv","to":"2026-01-01T00:00:00"}', "to", "RFC 3339"),
        (b'{"format":"csv","to":true}', "to", "RFC 3339"),
        (b'{"format":"csv","partitions":[0.0]}', "partitions", "list of one or more partitions"),
        (b'{"format":"csv","partitions":["0"]}', "partitions", "list of one or more partitions"),
        (b'{"format":"csv","partitions":[true]}', "partitions", "list of one or more partitions"),
        (b'{"format":"csv","partitions":[]}', "partitions", "list of one or more partitions"),
        (b'{"format":"csv","partitions":0}', "partitions", "list of one or more partitions"),
        (b'{"format":"csv","partitions":{}}', "partitions", "list of one or more partitions"),
        (b'{"format":"csv","partitions":[0,12]}', "partitions", "from 0 to 11"),
        (b'{"format":"csv","partitions":[-1]}', "partitions", "from 0 to 11"),
        (b'{"format":"csv","partitions":[' + b"9" * 90 + b"]}", "partitions", "from 0 to 11"),
        (b'{"format":"csv","more":1}', "more", "format, partitions, from, to"),
        (b'{"format":"csv","":1}', "", "format, partitions, from, to"),
        (b'{"format":"csv","from_":null}', "from_", "format, partitions, from, to"),
    ],
)
def test_a_wrong_field_of_an_order_is_named_with_its_value_and_what_is_allowed(
    client: Client, body: bytes, name: str, allowed: str
) -> None:
    """A field of a wrong type, value or name is 400 and names the field and what is allowed, also for programs."""
    found = problem(client.post("/v1/exports", content=body, headers={"content-type": "application/json"}), 400)
    [wrong] = found["errors"]
    assert wrong["name"] == name
    assert allowed in wrong["allowed"]
    assert name in found["detail"]
    assert allowed in found["detail"]


@pytest.mark.parametrize("path", ["/v1/exports", "/v1/audits"])
@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b'{"partitions":' + b"[" * 60_000, b'{"x":' * 12_000, b"\xff", b'{"format":"\xff"}', b'{"\xff":1}',
     b'{"format":"\\ud800"}', b"{", b"[]", b"null", b"0", b'"csv"', b"{} {}", b"NaN", b'{"format":1e999}',
     b'{"format":' + b"9" * 5_000 + b"}", b"\x00", b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_a_body_that_is_no_order_is_refused_and_not_a_defect(client: Client, path: str, body: bytes) -> None:
    """A body that is no JSON object, is nested too deeply or is no UTF-8 is 400 and never 500."""
    problem(client.post(path, content=body, headers={"content-type": "application/json"}), 400)


def test_an_order_without_a_body_is_told_that_it_is_missing(client: Client) -> None:
    """An export without a body is 400 and says that the body is missing, not how the program looked for it."""
    answer = client.post("/v1/exports", headers={"content-type": "application/json"})
    assert problem(answer, 400)["detail"].startswith("the body is missing")


def test_times_at_the_ends_of_the_calendar_are_taken(client: Client) -> None:
    """An order with the first and the last time that RFC 3339 can say is accepted."""
    order = {"format": "csv", "partitions": [PARTITION], "from": "0001-01-01T00:00:00+14:00",
             "to": "9999-12-31T23:59:59-14:00"}  # fmt: skip
    assert client.post("/v1/exports", json=order).status_code == 202


@pytest.mark.parametrize(
    "path",
    ["/contracts/%00", "/contracts/%0a", "/contracts/%ff", "/contracts/" + "a" * 5_000, "/contracts/" + "a/" * 2_000,
        "/contracts/" + (("\U0001f600" * 60) + "/") * 16,
     "/contracts/%1b[31m", "/schema/assets/%00", "/schema/assets/" + "a" * 5_000, "/schema/%00", "/schema/nosuch",
     "/" + "a" * 5_000, "/%00", "/%ff", "/v1/" + "a" * 5_000, "/v1/exports/%00", "/v1/exports/" + "a" * 5_000,
     "/v1/audits/%ff/file", "/v1/partitions/%ff", "/v1/requests/%00", "/v1/requests/" + "a" * 5_000],
)  # fmt: skip
def test_a_path_that_nothing_can_have_is_a_short_problem(client: Client, path: str) -> None:
    """A path with control characters, bytes that are no UTF-8 or thousands of letters is 400 or 404, in few words."""
    answer = client.get(path)
    problem(answer, 400, 404)
    assert len(answer.content) < 1_000
    assert answer.text.isprintable()


def test_a_browser_gets_a_page_where_there_is_nothing_and_a_program_a_problem(client: Client) -> None:
    """An unknown path is a page that leads home for whoever asks for HTML, and a problem document for all others."""
    for path in ("/nowhere", "/contracts/nowhere", "/schema/nowhere", "/v2/total", "/<script>alert(1)</script>"):
        page = client.get(path, headers={"accept": BROWSER})
        assert page.status_code == 404
        assert page.headers["content-type"].startswith("text/html")
        assert 'href="/"' in page.text
        assert "<script" not in page.text
        for accept in ("*/*", "application/json", "application/json, text/html;q=0.5", "x", "text/html;q=x", ";;,", ""):
            problem(client.get(path, headers={"accept": accept}), 404)


def test_there_is_an_icon_and_it_is_small(client: Client) -> None:
    """/favicon.ico, which browsers ask for by themselves, is a small image."""
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert len(answer.content) < 1_000


def test_the_document_is_valid_and_says_the_limits_that_hold_by_default(client: Client) -> None:
    """The document is valid OpenAPI 3.1, and its limits of numbers are the defaults of the settings."""
    document = client.get("/schema/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    limits = {
        each["name"]: each["schema"]["maximum"]
        for path in ("/v1/total", "/v1/entries")
        for each in document["paths"][path]["get"]["parameters"]
        if "maximum" in each["schema"]
    }
    settings = ConsumerSettings.model_fields
    assert limits == {
        "wait_ms": settings["rest_wait_ms_max"].default,
        "limit": settings["rest_page_rows_max"].default,
        "partition": SUMS.partitions - 1,
    }
    for order in ("ExportOrder", "AuditOrder"):
        assert document["components"]["schemas"][order]["additionalProperties"] is False


def test_the_document_tells_of_every_refusal_and_type(client: Client) -> None:
    """Each call documents the problems that any call may have, a write those of bodies, and a file each media type."""
    for path, method, operation in operations(client):
        answers = operation["responses"]
        wanted = {"400", "421", "503"} | ({"403", "408", "413", "415"} if method in ("post", "delete") else set())
        assert wanted <= set(answers), (method, path)
        for status, answer in answers.items():
            if status >= "300":
                assert set(answer["content"]) == {"application/problem+json"}, (method, path, status)
            for header in (answer.get("headers") or {}).values():
                assert "schema" in header
    document = client.get("/schema/openapi.json").json()["paths"]
    for status in ("200", "206"):
        types = document["/v1/exports/{export_id}/file"]["get"]["responses"][status]["content"]
        assert set(types) == {"text/csv", "application/jsonl", "application/vnd.apache.parquet",
                              "application/vnd.apache.avro"}  # fmt: skip
    asked = document["/v1/exports/{export_id}/file"]["get"]["parameters"]
    assert {each["name"] for each in asked if each["in"] == "header"} == {"Range", "If-Range"}
    assert set(document["/v1/events"]["get"]["responses"]["200"]["content"]) == {"text/event-stream"}
    assert document["/v1/exports"]["post"]["requestBody"]["required"] is True
    assert document["/v1/audits"]["post"]["requestBody"]["required"] is False
    for one in ("export", "audit"):
        links = document[f"/v1/{one}s"]["post"]["responses"]["202"]["links"]
        assert {link["operationId"] for link in links.values()} == {
            f"get{one.title()}", f"get{one.title()}File", f"delete{one.title()}"
        }  # fmt: skip
