"""What opens a registry: client certificates, and what is told of files and settings that do not fit."""

from pathlib import Path

import pytest

from tally.registry.access import Access
from tally.registry.errors import RegistryTlsError
from tests_support.registries.tls import TlsFolder


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFolder:
    return TlsFolder.make(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("own_authority", [False, True])
def test_a_key_without_its_certificate_is_refused(tls: TlsFolder, *, own_authority: bool) -> None:
    """A client key without a certificate is an error that names both settings, whatever else is given."""
    with pytest.raises(RegistryTlsError, match=r"CERT \(not set\), TALLY_REGISTRY_KEY client\.key: are not a PEM"):
        Access(key="client.key", ca=str(tls.authority) if own_authority else "").tls()


def test_a_key_may_stand_in_the_file_of_its_certificate(tls: TlsFolder, tmp_path: Path) -> None:
    """One PEM file with the certificate and its key is enough."""
    both = tmp_path / "both.pem"
    both.write_bytes(tls.client_certificate.read_bytes() + tls.client_key.read_bytes())
    assert Access(cert=str(both), key_password=tls.key_password).tls() is not None


@pytest.mark.parametrize("wrong", [{"cert": "nowhere.pem"}, {"key": "nowhere.key"}, {"key_password": "x" * 5_000}])
def test_a_certificate_that_cannot_be_used_is_told_with_its_settings_and_files(
    tls: TlsFolder, wrong: dict[str, str]
) -> None:
    """A missing certificate or key, and an impossible password, are told with the settings that name the files."""
    right = {"cert": str(tls.client_certificate), "key": str(tls.client_key), "key_password": tls.key_password}
    given = Access(**(right | wrong))
    with pytest.raises(RegistryTlsError) as caught:
        given.tls()
    assert f"TALLY_REGISTRY_CERT {given.cert}, TALLY_REGISTRY_KEY {given.key}: are not a PEM" in str(caught.value)
    assert "x" * 5_000 not in str(caught.value)
