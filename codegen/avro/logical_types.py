"""Logical types by the specification: an unknown or wrong one counts as its underlying type, and is told."""

from collections.abc import Mapping
from typing import Any, Final

from codegen.avro.schema import Logical

LOGICAL: Final[Mapping[str, frozenset[str]]] = {
    "bytes": frozenset({"decimal", "big-decimal"}),
    "string": frozenset({"uuid"}),
    "int": frozenset({"date", "time-millis"}),
    "long": frozenset(
        {
            "time-micros",
            *(f"{local}timestamp-{unit}" for local in ("", "local-") for unit in ("millis", "micros", "nanos")),
        }
    ),
    "fixed": frozenset({"decimal", "duration", "uuid"}),
}
"""Which logical types each underlying type may carry."""

_SIZES: Final = {"duration": 12, "uuid": 16}
"""In bytes, of a fixed."""

_PRECISION_MAX: Final = 1000


def logical_of(tree: Mapping[str, Any], kind: str, size: int | None = None) -> Logical | str | None:
    """Return the logical type of a schema object, None without one, or why what stands there is none, in words.

    ``kind`` is the underlying type, ``size`` the bytes of a fixed.
    """
    name = tree.get("logicalType")
    if name is None:
        return None
    allowed = LOGICAL.get(kind, frozenset())
    if not isinstance(name, str) or name not in allowed:
        return f"{name!r:.60} is no logical type of {kind}; there are {', '.join(sorted(allowed)) or 'none'}"
    if size is not None and size != _SIZES.get(name, size):
        return f"a {name} has {_SIZES[name]} bytes, not {size}"
    return _decimal(tree, size) if name == "decimal" else Logical(name)


def _decimal(tree: Mapping[str, Any], size: int | None) -> Logical | str:
    precision, scale = tree.get("precision"), tree.get("scale", 0)
    most = _PRECISION_MAX if size is None else _digits_of(size)
    if not isinstance(precision, int) or isinstance(precision, bool) or not 1 <= precision <= most:
        return f"the precision of a decimal is {precision!r:.60}; allowed is 1 to {most} here"
    if not isinstance(scale, int) or isinstance(scale, bool) or not 0 <= scale <= precision:
        return f"the scale of a decimal is {scale!r:.60}; allowed is 0 to the precision, {precision}"
    return Logical("decimal", precision, scale)


def _digits_of(size: int) -> int:
    """Return how many decimal digits every number of so many bytes can have, ``_PRECISION_MAX`` at most."""
    few = min(_PRECISION_MAX, size)  # 1000 bytes have 2,407 digits
    return min(len(str((1 << (8 * few - 1)) - 1)) - 1, _PRECISION_MAX)
