"""The real registry behind TLS and a password: each thing that is missing is reported as what it is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tally.registry.access import Access
from tally.registry.errors import SchemaUnknown
from tally.registry.lookup import SchemaRegistry
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.small_contracts import SmallContracts
from tests_support.registries.secured import PASSWORD, USER, secured_registry
from tests_support.registries.tls import TlsFolder

pytestmark = [pytest.mark.broker]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFolder:
    return TlsFolder.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def url(tls: TlsFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with secured_registry(tmp_path_factory.mktemp("registry"), tls) as address:
        yield address


def test_an_unknown_authority_and_a_wrong_password_are_told_apart(url: str, tls: TlsFolder, tmp_path: Path) -> None:
    """TLS first, then the password; with both the plan is made, and the password is never shown."""
    small = SmallContracts(tmp_path / "contracts", "locked")
    assert small.root.is_dir()
    steps: tuple[tuple[dict[str, str], str | None], ...] = (
        ({}, "tls"),
        ({"TALLY_REGISTRY_CA": str(tls.authority)}, "unauthorised"),
        ({"TALLY_REGISTRY_USER": USER, "TALLY_REGISTRY_PASSWORD": f"{PASSWORD}-wrong"}, "unauthorised"),
        ({"TALLY_REGISTRY_PASSWORD": PASSWORD}, None),
    )
    environment: dict[str, str] = {}
    for added, kind in steps:
        environment |= added
        said = codegen(tmp_path, "plan", "--registry", url, "--json", code=5 if kind else 2, **environment)
        assert PASSWORD not in said
        document = json.loads(said[said.index("{") :])
        assert (document.get("error") or {}).get("kind") == kind, said


def test_a_service_reads_with_a_password_over_tls(url: str, tls: TlsFolder) -> None:
    """With a password over TLS a look-up is answered, here that the subject is unknown."""
    registry = SchemaRegistry(url, Access(USER, PASSWORD, ca=str(tls.authority)))
    with pytest.raises(SchemaUnknown, match="Subject 'nothing-value' not found"):
        registry.lookup("nothing-value", '{"type": "string"}')
    registry.close()
