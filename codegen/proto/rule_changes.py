"""How the rules of a Protobuf file changed: whom does the new one refuse that the old one took, and the reverse?

Rules are the ``buf.validate`` annotations, read as values and compared one by one; pure. A rule that is not understood
in full, as a pattern or an expression, is said to refuse and to take more, since nobody can tell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from codegen.proto.validate import VALIDATE_FILE, imports_rules

Files = descriptor_pb2.FileDescriptorSet
Rules = Mapping[str, Any]

_INTEGERS: Final = frozenset(
    ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "enum")
)
_MORE_TAKES_MORE: Final = frozenset(("max_len", "max_bytes", "max_items", "max_pairs", "upper", "within", "ignore"))
_LESS_TAKES_MORE: Final = frozenset(("min_len", "min_bytes", "min_items", "min_pairs", "lower"))
_HOLD_FOR_NOTHING: Final = frozenset(
    ("max_len", "max_bytes", "max_items", "max_pairs", "not_in", "unique", "ignore", "defined_only", "finite", "strict")
)
"""Rules that an empty value of any type keeps."""
_OF_ELEMENTS: Final = ("repeated.items.", "map.keys.", "map.values.")
_LENGTHS: Final = {"len": ("min_len", "max_len"), "len_bytes": ("min_bytes", "max_bytes")}
_NOTHING: Final = (0, "", b"", False)


@dataclass(frozen=True)
class RuleChange:
    """A rule of ``place``, a field, a oneof or a message, that changed, in ``words``.

    ``refuses``: not all that the old one took is taken by the new one; ``takes``: the reverse. When nobody can tell,
    both are so, and it is not ``sure``.
    """

    place: str
    words: str
    refuses: bool
    takes: bool
    sure: bool = True

    def refusal(self, old: str, new: str) -> str:
        """Return the sentence about callers that are still on the old version."""
        certain = "are" if self.sure else "may be"
        return f"callers on {old} {certain} refused by {new}: `{self.place}`: {self.words}"

    def widening(self, old: str, new: str) -> str:
        """Return the sentence about who must have the new version first."""
        certain = "takes" if self.sure else "may take"
        first = f"whoever checks must be on {new} before callers make use of it"
        return f"{new} {certain} what {old} refuses, so {first}: `{self.place}`: {self.words}"


@dataclass(frozen=True)
class _Ruled:
    """What has rules: its name now, and whether it may be left out without a value (``presence``)."""

    name: str
    presence: bool
    rules: Rules


def changes(file: str, old: Files, new: Files) -> tuple[RuleChange, ...]:
    """Return the rules of a file that changed, of what is in both versions, and of fields that are new in a message."""
    was, now = (_ruled(file, files) for files in (old, new))
    found: list[RuleChange] = []
    for key, ruled in now.items():
        if key in was:
            found += _between(ruled.name, was[key].rules, ruled.rules)
        elif key[:1] in was:
            found += _of_new_field(ruled)
    return tuple(found)


def _between(place: str, was: Rules, now: Rules) -> Iterator[RuleChange]:
    old, new = _bounds(was), _bounds(now)
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before is None or after is None or before[0] != after[0]:
            refuses, takes, sure = _verdict(key, before and before[0], after and after[0])
            yield RuleChange(place, _words(before and before[1], after and after[1]), refuses, takes, sure)


def _verdict(key: str, was: Any, now: Any) -> tuple[bool, bool, bool]:
    """Return (refuses, takes, sure) of a rule that is another one now; None is no such rule."""
    kind = key.rpartition(".")[2]
    if kind == "ignore":
        was, now = was or 0, now or 0
    if was is None or now is None:
        return now is not None, was is not None, True
    if kind in _MORE_TAKES_MORE:
        return now < was, now > was, True
    if kind in _LESS_TAKES_MORE:
        return now > was, now < was, True
    if kind in {"in", "not_in"}:
        less, more = set(was) - set(now), set(now) - set(was)
        return (bool(less), bool(more), True) if kind == "in" else (bool(more), bool(less), True)
    return True, True, False


def _of_new_field(ruled: _Ruled) -> Iterator[RuleChange]:
    """Yield the rules that a caller breaks who does not know the field, and so sends nothing in it."""
    if ruled.rules.get("required"):
        yield RuleChange(ruled.name, "the field is new, and required", refuses=True, takes=False)
        return
    if ruled.presence or ruled.rules.get("ignore"):
        return
    for key, (value, shown) in _bounds(ruled.rules).items():
        kind = key.rpartition(".")[2]
        if kind in _HOLD_FOR_NOTHING or key.startswith(_OF_ELEMENTS):
            continue
        known = kind in _LESS_TAKES_MORE | {"upper", "in"}
        if kind == "in":
            holds = any(nothing in value for nothing in _NOTHING)
        elif kind == "upper":
            holds = value >= (0, 1)
        else:
            holds = known and value <= ((0, 0) if kind == "lower" else 0)
        if not holds:
            words = f"the field is new, and without a value it does not keep {_shown(shown)}"
            yield RuleChange(ruled.name, words, refuses=True, takes=False, sure=known)


def _bounds(rules: Rules) -> dict[str, tuple[Any, Rules]]:
    """Return rules as (what to compare, the rules themselves): lt and lte are one bound, len is two, const a list."""
    found: dict[str, tuple[Any, dict[str, Any]]] = {}
    for key, value in rules.items():
        stem, _, kind = key.rpartition(".")
        whole = stem.rpartition(".")[2] in _INTEGERS
        match kind:
            case "lt" | "lte":
                bound = (value - 1, 1) if kind == "lt" and whole else (value, int(kind == "lte"))
                found[f"{stem}.upper"] = bound, {key: value}
            case "gt" | "gte":
                bound = (value + 1, 0) if kind == "gt" and whole else (value, int(kind == "gt"))
                found[f"{stem}.lower"] = bound, {key: value}
            case "len" | "len_bytes":
                found |= {f"{stem}.{each}": (value, {key: value}) for each in _LENGTHS[kind]}
            case "const":
                found[f"{stem}.in"] = (value,), {key: value}
            case _ if kind not in _LESS_TAKES_MORE or value:
                found[key] = value, {key: value}
    for stem in {key.rpartition(".")[0] for key in found if key.endswith(".upper")}:
        upper, lower = found[f"{stem}.upper"], found.get(f"{stem}.lower")
        if lower is not None and lower[0][0] > upper[0][0]:  # all but what lies between
            del found[f"{stem}.upper"], found[f"{stem}.lower"]
            found[f"{stem}.outside"] = (lower[0], upper[0]), {**lower[1], **upper[1]}
    return dict(found)


def _words(was: Rules | None, now: Rules | None) -> str:
    if was is None or now is None:
        return f"{_shown(now)} is new" if now else f"{_shown(was or {})} is gone"
    return f"{_shown(was)} -> {_shown(now)}"


def _shown(rules: Rules) -> str:
    return " and ".join(name if value is True else f"{name} {_value(value)}" for name, value in rules.items())


def _value(value: Any) -> str:
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, tuple) else str(value)


def _ruled(file: str, found: Files) -> dict[tuple[Any, ...], _Ruled]:
    """Return the messages, oneofs and fields of a file by (message, and oneof's name or field's number)."""
    ruled = any(imports_rules(each) for each in found.file if each.name == file)
    pool: Any = descriptor_pool.DescriptorPool()
    for each in found.file:
        pool.AddSerializedFile(each.SerializeToString())
    ours = pool.FindFileByName(file)
    known: dict[tuple[Any, ...], _Ruled] = {}
    waiting = list(ours.message_types_by_name.values())
    for message in waiting:  # grows while it is walked
        waiting += [each for each in message.nested_types if not each.GetOptions().map_entry]
        name = message.full_name
        known[name,] = _Ruled(name, True, _rules(pool, message, "message") if ruled else {})
        for oneof in message.oneofs:
            key = name, oneof.name
            known[key] = _Ruled(f"{name}.{oneof.name}", True, _rules(pool, oneof, "oneof") if ruled else {})
        for field in message.fields:
            rules = _rules(pool, field, "field") if ruled else {}
            known[name, field.number] = _Ruled(f"{name}.{field.name}", field.has_presence, rules)
    return known


def _rules(pool: Any, descriptor: Any, of: str) -> Rules:
    """Return the rules of a message, oneof or field by their path in the annotation."""
    options = descriptor.GetOptions()
    options_type = pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
    read: Any = message_factory.GetMessageClass(options_type).FromString(options.SerializeToString())
    extension = pool.FindExtensionByName(f"buf.validate.{of}")
    return dict(_flat(read.Extensions[extension], "")) if read.HasExtension(extension) else {}


def _flat(message: Any, stem: str) -> Iterator[tuple[str, Any]]:
    for field, value in message.ListFields():
        name = f"{stem}({field.full_name})" if field.is_extension else f"{stem}{field.name}"
        values = list(value) if field.is_repeated else [value]
        if field.name == "example" or (value is False and field.name not in {"strict", "const"}):
            continue
        if field.name in {"cel", "cel_expression"}:
            for each in values:
                yield f"{stem}cel `{getattr(each, 'id', '') or each}`", getattr(each, "expression", each)
        elif field.name == "oneof" and field.message_type is not None:
            for each in values:
                yield f"{stem}oneof {', '.join(each.fields)}", "required" if each.required else "at most one"
        elif field.message_type is not None and field.message_type.file.name == VALIDATE_FILE:
            yield from _flat(value, f"{name}.")
        else:
            plain = tuple(_plain(each) for each in values)
            yield name, plain if field.is_repeated else plain[0]


def _plain(value: Any) -> Any:
    """Return a value that can be compared and shown: times in seconds, field masks as their paths."""
    if hasattr(value, "nanos"):
        return value.seconds + value.nanos / 1_000_000_000
    return tuple(value.paths) if hasattr(value, "paths") else value
