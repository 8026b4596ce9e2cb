"""The lists of parts: what is on them, and the documents that are made of them."""

import importlib.resources
import json
import re
from typing import Any

import jsonschema_rs
import pytest

from stack.fetch.locks import AGENT_LOCK, KAFKA_LOCK, REGISTRY_LOCK, TOOLS_LOCK, read
from stack.supply import bills, installed, licences, sbom
from stack.supply.bills import Bill
from stack.supply.images import Image, images, images_of

NAMES = [
    "wheel", "wheel-cli", "wheel-codegen", "wheel-ledger", "wheel-parquet",
    "image-kafka", "image-registry", "image-contracts", "image-producer", "image-consumer", "native-stack",
]  # fmt: skip
DOCKERFILE = """\
ARG PYTHON=python:3@sha256:0
FROM ${PYTHON} AS packages
COPY requirements/runtime.txt /
FROM packages AS more
COPY requirements/parquet.txt /
FROM ${PYTHON} AS base
FROM base AS one
COPY --from=packages /opt/tally /opt/tally
FROM one AS two
COPY --from=more /opt/parquet /opt/parquet
FROM other/kafka:4 AS kafka
COPY --from=packages /agent.jar /agent.jar
"""


@pytest.fixture(scope="module")
def every() -> dict[str, Bill]:
    """All lists by name."""
    return {bill.name: bill for bill in bills.bills()}


@pytest.fixture(scope="module")
def licence_by_url(every: dict[str, Bill]) -> dict[str, str]:
    """The licence of each part: that there is one, and that it is allowed, is what this shows."""
    return sbom.licences(every.values(), licences.rules())


@pytest.fixture(scope="module")
def documents(every: dict[str, Bill], licence_by_url: dict[str, str]) -> dict[str, str]:
    """Each list as it is written."""
    return {name: sbom.document(bill, licence_by_url) for name, bill in every.items()}


def packages(bill: Bill) -> dict[str, str]:
    """Return the Python packages of a list with their versions."""
    return dict(re.findall(r"^pkg:pypi/([^@]+)@(.+)$", "\n".join(part.url for part in bill.parts), re.MULTILINE))


def test_there_is_a_list_for_the_wheel_each_extra_each_image_and_the_java_files(every: dict[str, Bill]) -> None:
    """Whatever an installation, compose or `just up` brings is on a list."""
    assert sorted(every) == sorted(NAMES)


def test_each_part_of_today_has_a_licence_that_is_allowed(
    every: dict[str, Bill], licence_by_url: dict[str, str]
) -> None:
    """No part is under a licence that is unknown or refused, and no exception is for a part that is gone."""
    assert set(licence_by_url) == {part.url for bill in every.values() for part in bill.parts}
    names = {url.partition("@")[0] for url in licence_by_url}
    known = names | {name.rpartition("/")[0] for name in names}
    assert set(licences.rules().stated) <= known


@pytest.mark.parametrize(
    ("name", "pins"),
    [("image-producer", ["runtime"]), ("image-consumer", ["runtime", "parquet"]), ("image-contracts", ["codegen"])],
)
def test_an_image_s_packages_are_those_that_are_pinned_for_it(
    every: dict[str, Bill], name: str, pins: list[str]
) -> None:
    """What metadata asks for, followed to its end, is what the image installs from its files of pins."""
    wanted: dict[str, str] = {}
    for each in pins:
        wanted |= installed.pinned(installed.REQUIREMENTS / f"{each}.txt")
    assert packages(every[name]) == wanted


def test_the_wheel_alone_brings_grpc_and_protobuf(every: dict[str, Bill]) -> None:
    """Without an extra nothing is installed beside what the client needs, and an extra adds to it."""
    alone = set(packages(every["wheel"]))
    assert alone == {"grpcio", "protobuf", "googleapis-common-protos", "typing-extensions"}
    assert all(alone < set(packages(every[name])) for name in NAMES if name.startswith("wheel-"))


def test_each_java_file_has_its_pinned_hash(documents: dict[str, str]) -> None:
    """Kafka, its tools, the registry and the agent are listed with the SHA-256 of the locks."""
    listed: list[dict[str, Any]] = json.loads(documents["native-stack"])["components"]
    found = {each["hashes"][0]["content"] for each in listed if "hashes" in each}
    locks = [KAFKA_LOCK, TOOLS_LOCK, REGISTRY_LOCK, AGENT_LOCK]
    assert found == {artifact.sha256 for lock in locks for artifact in read(lock)}


def test_each_document_is_valid_by_the_schema_of_cyclonedx(documents: dict[str, str]) -> None:
    """Every list satisfies the JSON schema of CycloneDX 1.6, strict as the format's own library ships it."""
    folder = importlib.resources.files("cyclonedx.schema._res")
    schemas = {
        each.name: json.loads(each.read_text(encoding="utf-8"))
        for each in folder.iterdir()
        if each.name.endswith(".schema.json")
    }
    [main] = [name for name in schemas if name.startswith("bom-1.6")]
    place = schemas[main]["$id"].rpartition("/")[0]
    registry = jsonschema_rs.Registry([(f"{place}/{name}", each) for name, each in schemas.items()])
    validator = jsonschema_rs.validator_for(schemas[main], registry=registry)
    for name, text in documents.items():
        assert [error.message for error in validator.iter_errors(json.loads(text))] == [], name
    broken = json.loads(documents["wheel"]) | {"serialNumber": "1"}
    assert not validator.is_valid(broken)


def test_the_same_list_gives_the_same_bytes(every: dict[str, Bill], documents: dict[str, str]) -> None:
    """A document has no time and no random number, another list has another serial number, and a time can be given."""
    again = {bill.name: bill for bill in bills.bills()}
    licence_by_url = sbom.licences(again.values(), licences.rules())
    assert {name: sbom.document(bill, licence_by_url) for name, bill in again.items()} == documents
    assert not any("timestamp" in text for text in documents.values())
    assert len({json.loads(text)["serialNumber"] for text in documents.values()}) == len(documents)
    timed = json.loads(sbom.document(every["wheel"], licence_by_url, made_at_s=1_700_000_000))
    assert timed["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_every_part_is_reached_from_what_it_is_a_part_of(documents: dict[str, str]) -> None:
    """The dependencies form one graph from the thing itself, so nothing is on a list for no reason."""
    for name, text in documents.items():
        said = json.loads(text)
        needs = {each["ref"]: each.get("dependsOn", []) for each in said["dependencies"]}
        reached, waiting = set[str](), [said["metadata"]["component"]["bom-ref"]]
        while waiting:
            if (ref := waiting.pop()) not in reached:
                reached.add(ref)
                waiting += needs[ref]
        assert reached == set(needs), name


def test_the_images_of_the_dockerfile_are_read_from_it() -> None:
    """Base and packages follow the stages; a stage that only lends a file brings no package."""
    assert images_of(DOCKERFILE, ["one", "two", "kafka"]) == [
        Image("one", "python:3@sha256:0", ("runtime",)),
        Image("two", "python:3@sha256:0", ("parquet", "runtime")),
        Image("kafka", "other/kafka:4", ()),
    ]


def test_no_image_of_tally_s_own_is_without_packages() -> None:
    """The three images with our programs have pinned packages, those of others none: the Dockerfile was understood."""
    assert {each.name for each in images() if each.pins} == {"contracts", "producer", "consumer"}
