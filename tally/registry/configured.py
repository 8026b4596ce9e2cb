"""The registry that a program's settings name."""

from tally.base.settings import Settings, variable_of
from tally.registry.access import Access
from tally.registry.lookup import SchemaRegistry


def registry_of(settings: Settings) -> SchemaRegistry:
    """Return the registry. Raises RegistryTlsError for a file that holds no certificate or key."""
    access = Access.of_environment({variable_of(name): str(value) for name, value in settings.model_dump().items()})
    access.tls()
    return SchemaRegistry(settings.registry_url, access)
