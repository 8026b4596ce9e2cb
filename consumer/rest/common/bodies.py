"""JSON bodies, read by their contract and by nothing more generous.

Litestar would convert: 0.0, "0" and true into numbers, 0 into a time of 1970. Here a body is read in two steps: first
it is JSON or not, then each field has its type, or the caller is told which one has not, what it is and what is
allowed. The type's own descriptions say the latter, so that the OpenAPI document and the answers use the same words.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from consumer.core.queries import QueryError
from consumer.rest.common.parameters import unknown_name
from tally.base.shown.values import quoted

T = TypeVar("T", bound=msgspec.Struct)

_BODY: Final = "the body"
_AN_OBJECT: Final = "a JSON object"
_SHOWN_BYTES_MAX: Final = 64


def read_body(body: bytes, kind: type[T]) -> T:
    """Return what a body says. Raises QueryError, which names the first field that is wrong."""
    found = _json(body)
    if not isinstance(found, dict):
        raise QueryError(_BODY, _shown(found), _AN_OBJECT)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in found:
        if name not in fields:
            raise unknown_name("field", name, list(fields))
    for name, field in fields.items():
        allowed = _allowed(field.type)
        if name in found:
            _check(name, found[name], field.type, allowed)
        elif field.required:
            raise QueryError(name, "missing", allowed)
    return msgspec.convert(found, kind)


class JsonBody(AbstractDTO[T]):
    """The reader of a handler's ``data``, as Litestar wants it: ``dto=JsonBody[Kind]``. It has no model of its own."""

    def decode_bytes(self, value: bytes) -> T:
        """Return what a body says. Raises QueryError."""
        return read_body(value, self.model_type)

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Prepare nothing."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Return the schema of the type itself: a body that may be left out is not null either."""
        del handler_id
        kind = FieldDefinition.from_annotation(cls.model_type, kwarg_definition=field_definition.kwarg_definition)
        made: Reference | Schema = schema_creator.for_field_definition(kind)
        for part in (made, *(getattr(made, "all_of", None) or ())):
            if isinstance(part, Reference):
                schema_creator.schema_registry.from_reference(part).schema.additional_properties = False
        return made

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Iterator[DTOFieldDefinition]:  # type: ignore[override] # a Generator is one
        """Yield nothing."""
        del model_type
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Tell that none is."""
        del field_definition
        return False


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise _not_json("its texts are not UTF-8") from error
    except RecursionError as error:
        raise _not_json("it is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise _not_json(str(error).partition(" - at ")[0]) from error


def _not_json(why: str) -> QueryError:
    return QueryError(_BODY, "not JSON", _AN_OBJECT, f"the body is not JSON that can be read: {why}")


def _check(name: str, value: Any, kind: Any, allowed: str) -> None:
    """Raise QueryError unless a field's value has its type."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise QueryError(name, _shown(value), allowed) from error


def _shown(value: Any) -> str:
    """Return a value of JSON as a message may show it."""
    if isinstance(value, str):
        return quoted(value)
    text = msgspec.json.encode(value)[: _SHOWN_BYTES_MAX + 1].decode(errors="replace")
    return text if len(text) <= _SHOWN_BYTES_MAX else f"{text[:_SHOWN_BYTES_MAX]}..."


def _allowed(hint: Any) -> str:
    """Return what a field's type says of itself, the way that the OpenAPI document shows it."""
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Annotated:
            for meta in get_args(part)[1:]:
                if isinstance(meta, msgspec.Meta) and meta.description:
                    return meta.description
    raise AssertionError(f"{hint} has a description")
