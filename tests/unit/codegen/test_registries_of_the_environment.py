"""A registry's name in registries.yaml leads to where the settings put it."""

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.remote.registries import FILE, Target, target
from tally.base.addresses import BASE, KAFKA, PORTS, REGISTRY
from tests_support.checkout import ROOT


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (BASE, KAFKA, REGISTRY, *PORTS):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variable", "value", "url", "kafka"),
    [
        (BASE, "", "http://127.0.0.1:8081/apis/ccompat/v7", "127.0.0.1:9092"),
        (BASE, "21000", "http://127.0.0.1:21002/apis/ccompat/v7", "127.0.0.1:21000"),
        ("TALLY_REGISTRY_PORT", "7", "http://127.0.0.1:7/apis/ccompat/v7", "127.0.0.1:9092"),
        (REGISTRY, "https://far/v7", "https://far/v7", "127.0.0.1:9092"),
        (KAFKA, "far:1", "http://127.0.0.1:8081/apis/ccompat/v7", "far:1"),
    ],
)
def test_the_local_registry_is_where_the_settings_put_it(
    variable: str, value: str, url: str, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`codegen plan --registry local` asks the registry of the system that TALLY_PORT_BASE and its like name."""
    monkeypatch.setenv(variable, value)
    assert target(ROOT / "contracts", "local") == Target("local", url, kafka)


def test_a_variable_may_have_a_default_and_is_told_when_it_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable is the environment's, else its default; one with neither, or with no address, is refused by name."""
    monkeypatch.delenv("SHOP_REGISTRY", raising=False)
    (tmp_path / FILE).write_text("a:\n  url: ${SHOP_REGISTRY:-http://a:1}\nb:\n  url: ${SHOP_REGISTRY}\n")
    assert target(tmp_path, "a").url == "http://a:1"
    with pytest.raises(CodegenError, match=r"b\.url.*names the variable SHOP_REGISTRY, which is not set"):
        target(tmp_path, "b")
    monkeypatch.setenv("SHOP_REGISTRY", "ftp://x")
    with pytest.raises(CodegenError, match=r"a\.url.*is 'ftp://x' now; allowed is an http"):
        target(tmp_path, "a")
