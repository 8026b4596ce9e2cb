"""The schema registry, for the commands that read records."""

from collections.abc import Iterator
from contextlib import contextmanager

from tally.base.framing import SchemaName
from tally.base.hints import hint
from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.settings import ClientSettings
from tally.event.reader import SchemaText
from tally.registry.configured import registry_of
from tally.registry.errors import RegistryError, RegistryTlsError, SchemaMismatch, SchemaUnknown
from tally.registry.lookup import SchemaRegistry


@contextmanager
def opened_registry(environment: ClientSettings) -> Iterator[SchemaRegistry]:
    """Yield the registry that the settings name; its errors become errors of the command."""
    try:
        schemas = registry_of(environment)
    except RegistryTlsError as error:
        raise WrongUsageError(str(error)) from None
    try:
        yield schemas
    except (SchemaUnknown, SchemaMismatch) as error:
        raise CommandError(str(error)) from None
    except RegistryError as error:
        raise UnavailableError(
            f"{error}: start it with `{hint('up')}`, or set TALLY_REGISTRY_URL to where it is"
        ) from None
    finally:
        schemas.close()


def schema_texts(schemas: SchemaRegistry) -> SchemaText:
    """Return what tells a schema's text by id or GUID; the registry's other errors pass through."""

    def text_of(name: SchemaName) -> str | None:
        try:
            return schemas.schema(name)
        except SchemaUnknown:
            return None

    return text_of
