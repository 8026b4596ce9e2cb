"""The registry that a service's settings name."""

import pytest

from tally.base.settings import Settings
from tally.registry.access import Access
from tally.registry.configured import registry_of
from tally.registry.errors import RegistryTlsError


def test_the_settings_of_a_service_open_its_registry() -> None:
    """Address, user, password and token come from the fields of the settings."""
    given = {"url": "http://registry.test/x", "user": "me", "password": "hush", "token": "t"}
    registry = registry_of(Settings.model_validate({f"registry_{name}": value for name, value in given.items()}))
    assert (registry.url, registry.access) == ("http://registry.test/x", Access("me", "hush", "t"))


def test_a_service_with_a_wrong_pem_file_is_told_at_its_start() -> None:
    """A file that holds no certificate is an error before anything is asked of the registry."""
    with pytest.raises(RegistryTlsError, match=r"TALLY_REGISTRY_CA nowhere\.pem: is not a file of PEM certificates"):
        registry_of(Settings.model_validate({"registry_ca": "nowhere.pem"}))
