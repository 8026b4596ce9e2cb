"""The names of ``from tally import ...``, and what importing them costs."""

import subprocess
import sys

import pytest

import tally
from tally import client
from tests_support.checkout import ROOT

HEAVY = ("numpy", "confluent_kafka", "fastavro", "msgspec", "pydantic", "loguru", "codegen", "oracle", "observability")


def loaded_after(program: str) -> set[str]:
    """Return the top-level names that a fresh interpreter has loaded after a program."""
    told = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return {name.partition(".")[0] for name in told.stdout.split()}


def test_the_library_offers_the_clients_public_names() -> None:
    """`tally` and `tally.client` offer the same names for the same objects."""
    assert tally.__all__ == client.__all__
    assert [getattr(tally, name) for name in tally.__all__] == [getattr(client, name) for name in client.__all__]
    assert set(tally.__all__) <= set(dir(tally))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A misspelt name raises AttributeError with that name, as with any module."""
    with pytest.raises(AttributeError, match="module 'tally' has no attribute 'Cliant'"):
        _ = tally.Cliant  # type: ignore[attr-defined]


def test_importing_the_library_alone_loads_no_package_of_others() -> None:
    """`import tally` alone loads neither gRPC nor any other third-party package."""
    assert loaded_after("import tally").isdisjoint({"grpc", "google", "opentelemetry", *HEAVY})


@pytest.mark.parametrize("program", ["from tally import BlockingClient, Client", "import tally.client"])
def test_importing_the_client_loads_grpc_and_protobuf_and_nothing_heavy(program: str) -> None:
    """A program that only adds numbers loads gRPC and protobuf, and not Kafka, Avro, numpy or settings."""
    loaded = loaded_after(program)
    assert {"grpc", "google"} <= loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_client_does_without_opentelemetry() -> None:
    """Where OpenTelemetry's API is not installed an attempt has no span, and nothing fails."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from tally.client.tracing import attempt\n"
        "with attempt('Add') as metadata: assert metadata is None\n"
    )
    assert "grpc" in loaded_after(program)
