"""The registry's schemas as texts, for whoever reads records."""

from tally.base.framing import SchemaName
from tally.event.reader import SchemaText
from tally.registry.errors import SchemaUnknown
from tally.registry.lookup import SchemaRegistry


def schema_texts(schemas: SchemaRegistry) -> SchemaText:
    """Return what tells a schema's text by id or GUID; the registry's other errors pass through."""

    def text_of(name: SchemaName) -> str | None:
        try:
            return schemas.schema(name).text
        except SchemaUnknown:
            return None

    return text_of
