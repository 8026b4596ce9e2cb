"""What can change within a message of a Protobuf file: fields, types, labels and oneofs, with our own verdicts."""

from dataclasses import dataclass
from typing import Final

FILE: Final = "library.proto"


@dataclass(frozen=True)
class Change:
    """A change of ``FILE``: may it come? ``otherwise`` names the peers with another answer, and why ours is ours."""

    old: str
    new: str
    taken: bool
    otherwise: str = ""


WIRE: Final = "Karapace, Confluent: they look at the bytes alone; in JSON"
NUMBER_FREE: Final = (
    "Karapace, Confluent: they do not ask who takes the number next; reserved, it cannot get another meaning"
)
ONEOF: Final = "a reader of the other side clears what the writer set beside it"
_SIGN: Final = "buf FILE: the same bytes; a number that fits both is the same number"
SOURCE: Final = "buf FILE: no byte changes, only code; `breaking: use: [FILE]` in buf.yaml asks for it here as well"


def proto3(body: str) -> str:
    return f'syntax = "proto3";\npackage library;\n{body}\n'


def proto2(body: str) -> str:
    return f'syntax = "proto2";\npackage library;\n{body}\n'


def edition(body: str) -> str:
    return f'edition = "2023";\npackage library;\n{body}\n'


def book(old: str, new: str, taken: bool, otherwise: str = "") -> Change:
    """Return a change within a message; ``old`` and ``new`` are what it holds beside its first field."""
    return Change(
        proto3(f"message Book {{\n  string id = 1;\n  {old}\n}}"),
        proto3(f"message Book {{\n  string id = 1;\n  {new}\n}}"),
        taken, otherwise,
    )  # fmt: skip


def _type(old: str, new: str, taken: bool, otherwise: str = "") -> Change:
    return book(f"{old} pages = 2;", f"{new} pages = 2;", taken, otherwise)


_INT64_TEXT: Final = f"{WIRE} an int64 is a text"
STATE: Final = "enum State { STATE_UNKNOWN = 0; STATE_LENT = 1; }"

FIELDS: Final = {
    "a field more": book("", "string title = 2;", True),
    "a field more of a message inside": book(
        "message Page { int32 number = 1; } Page first = 2;",
        "message Page { int32 number = 1; string text = 2; } Page first = 2;", True,
    ),
    "a required field more": Change(
        proto2("message Book { optional string id = 1; }"),
        proto2("message Book { optional string id = 1; required string title = 2; }"), False,
        "Karapace: the new side cannot read a message without it",
    ),
    "a required field less, reserved": Change(
        proto2("message Book { optional string id = 1; required string title = 2; }"),
        proto2('message Book { optional string id = 1; reserved 2; reserved "title"; }'), False,
        "Karapace: the old side cannot read a message without it",
    ),
    "a field less": book("string title = 2;", "", False, NUMBER_FREE),
    "a field less, its number reserved": book("string title = 2;", "reserved 2;", False, NUMBER_FREE),
    "a field less, its name reserved": book("string title = 2;", 'reserved "title";', False, NUMBER_FREE),
    "a field less, reserved": book("string title = 2;", 'reserved 2 to 4; reserved "title";', True,
        "buf FILE: nobody can take the number, and old values are left out",
    ),
    "a reserved number in use again": book("reserved 2;", "string title = 2;", False, NUMBER_FREE),
    "a reserved name in use again": book('reserved "title";', "string title = 2;", False, NUMBER_FREE),
    "another number": book("string title = 2;", "string title = 3;", False, NUMBER_FREE.replace("Karapace, ", "")),
    "another name": book("string title = 2;", "string name = 2;", False, f"{WIRE} the name is the key"),
    "another name, the same in JSON": book(
        "string title = 2;", 'string name = 2 [json_name = "title"];', False,
        f"{WIRE} a reader takes either name as the key",
    ),
    "another name in JSON": book(
        "string title = 2;", 'string title = 2 [json_name = "name"];', False,
        f"{WIRE} the name is the key",
    ),
    "two fields swap their names": book(
        "string title = 2; string author = 3;", "string author = 2; string title = 3;", False,
        "Confluent: it looks at the bytes alone; in JSON the values are swapped",
    ),
    "fields in another order": book(
        "string title = 2; string author = 3;", "string author = 3; string title = 2;", True
    ),
    "a deprecated field": book("string title = 2;", "string title = 2 [deprecated = true];", True),
}  # fmt: skip

TYPES: Final = {
    "int32 to uint32": _type("int32", "uint32", True, _SIGN),
    "int64 to uint64": _type("int64", "uint64", True, _SIGN),
    "int32 to int64": _type("int32", "int64", False, _INT64_TEXT),
    "uint64 to uint32": _type("uint64", "uint32", False, _INT64_TEXT),
    "int32 to bool": _type("int32", "bool", False, f"{WIRE} a truth is a word"),
    "bool to uint64": _type("bool", "uint64", False, f"{WIRE} a truth is a word"),
    "int32 to sint32": _type("int32", "sint32", False),
    "sint32 to sint64": _type("sint32", "sint64", False, _INT64_TEXT),
    "int32 to fixed32": _type("int32", "fixed32", False),
    "fixed32 to sfixed32": _type("fixed32", "sfixed32", True, _SIGN),
    "fixed64 to sfixed64": _type("fixed64", "sfixed64", True, _SIGN),
    "fixed32 to fixed64": _type("fixed32", "fixed64", False),
    "float to double": _type("float", "double", False),
    "int32 to float": _type("int32", "float", False),
    "int32 to string": _type("int32", "string", False),
    "string to bytes": _type("string", "bytes", False, f"{WIRE} bytes are in base64"),
    "int32 to an enum": _type(f"{STATE} int32", f"{STATE} State", False, f"{WIRE} an enum is a name"),
    "an enum to int32": _type(f"{STATE} State", f"{STATE} int32", False, f"{WIRE} an enum is a name"),
    "an enum to another": _type(
        f"{STATE} enum Other {{ OTHER_UNKNOWN = 0; OTHER_LENT = 1; }} State",
        f"{STATE} enum Other {{ OTHER_UNKNOWN = 0; OTHER_LENT = 1; }} Other", False,
        f"{WIRE} the names are others",
    ),
    "int32 to a message": _type("message Page {} int32", "message Page {} Page", False),
    "a message to a text": _type("message Page {} Page", "message Page {} string", False),
    "a message to another": _type(
        "message Page {} message Leaf {} Page", "message Page {} message Leaf {} Leaf", False,
        "Karapace: Any, code and pages name the type",
    ),
    "a message to an enum of its name": Change(
        proto3("message Book { message State {} State state = 1; }"),
        proto3(f"message Book {{ {STATE} State state = 1; }}"), False,
    ),
    "a message to a group": Change(
        edition("message Page {} message Book { Page page = 1; }"),
        edition("message Page {} message Book { Page page = 1 [features.message_encoding = DELIMITED]; }"), False,
    ),
    "another key of a map": _type("map<int32, string>", "map<string, string>", False),
    "another value of a map": _type("map<string, int32>", "map<string, string>", False),
    "a wider value of a map": _type("map<string, int32>", "map<string, int64>", False, _INT64_TEXT),
    "a map to its entries": _type(
        "message Entry { string key = 1; string value = 2; } map<string, string>",
        "message Entry { string key = 1; string value = 2; } repeated Entry", False,
    ),
    "another way to name the same type": _type("message Page {} Page", "message Page {} .library.Book.Page", True),
    "another way to name a map's type": _type(
        "message Page {} map<string, Page>", "message Page {} map<string, library.Book.Page>", True
    ),
}  # fmt: skip

LABELS: Final = {
    "a text to many": _type("string", "repeated string", False, f"{WIRE} many are a list"),
    "a message to many": _type(
        "message Page {} Page", "message Page {} repeated Page", False, f"{WIRE} many are a list"
    ),
    "a number to many": _type("int32", "repeated int32", False),
    "many texts to one": _type("repeated string", "string", False, f"{WIRE} many are a list"),
    "presence": _type("int32", "optional int32",  True,
        "Karapace, buf FILE: bytes and JSON differ for a zero alone, and mean the same",
    ),
    "presence no more": _type("optional int32", "int32",  True,
        "Karapace, buf FILE: bytes and JSON differ for a zero alone, and mean the same",
    ),
    "optional to required": Change(
        proto2("message Book { optional int32 id = 1; }"), proto2("message Book { required int32 id = 1; }"), False
    ),
    "required to optional": Change(
        proto2("message Book { required int32 id = 1; }"), proto2("message Book { optional int32 id = 1; }"), False
    ),
    "packed no more": book("repeated int32 pages = 2;", "repeated int32 pages = 2 [packed = false];", True),
    "another default": Change(
        proto2("message Book { optional int32 copies = 1 [default = 1]; }"),
        proto2("message Book { optional int32 copies = 1 [default = 2]; }"), False,
        "Karapace, Confluent: what was left out means something else to each side",
    ),
    "another form of a 64-bit number in JavaScript": book(
        "int64 pages = 2;", "int64 pages = 2 [jstype = JS_STRING];", True, SOURCE
    ),
    "text that is not checked any more": Change(
        edition("message Book { string id = 1; }"),
        edition("message Book { string id = 1 [features.utf8_validation = NONE]; }"), True, SOURCE,
    ),
}  # fmt: skip

ONEOFS: Final = {
    "one field into a new oneof": book(
        "string isbn = 2;", "oneof code { string isbn = 2; }", False, f"Karapace, Confluent: {ONEOF}"
    ),
    "two fields into a new oneof": book(
        "string isbn = 2; string issn = 3;", "oneof code { string isbn = 2; string issn = 3; }", False
    ),
    "a new field and an old one into a new oneof": book(
        "string isbn = 2;", "oneof code { string isbn = 2; string issn = 3; }", False,
        f"Karapace, Confluent: {ONEOF}",
    ),
    "a field into a oneof that was there": book(
        "string isbn = 2; oneof code { string issn = 3; }", "oneof code { string issn = 3; string isbn = 2; }", False,
        f"Karapace: {ONEOF}",
    ),
    "a field out of a oneof": book(
        "oneof code { string isbn = 2; string issn = 3; }", "string isbn = 2; oneof code { string issn = 3; }", False,
        f"Confluent: {ONEOF}",
    ),
    "a field more of a oneof": book(
        "oneof code { string isbn = 2; }", "oneof code { string isbn = 2; string issn = 3; }", True
    ),
    "a field less of a oneof": book(
        "oneof code { string isbn = 2; string issn = 3; }", "oneof code { string isbn = 2; }", False
    ),
    "a field less of a oneof, reserved": book(
        "oneof code { string isbn = 2; string issn = 3; }",
        'reserved 3; reserved "issn"; oneof code { string isbn = 2; }', True,
        "Karapace, Confluent, buf FILE: a reader without the field finds the oneof unset, as one does that is older",
    ),
    "another name of a oneof": book(
        "oneof code { string isbn = 2; string issn = 3; }", "oneof number { string isbn = 2; string issn = 3; }", False,
        "Karapace, Confluent: code asks which field of the oneof is set by its name",
    ),
    "a oneof less, its fields reserved": book(
        "oneof code { string isbn = 2; }", 'reserved 2; reserved "isbn";', False,
        "Karapace: code asks which field of the oneof is set by its name",
    ),
    "a field from one oneof to another": book(
        "oneof code { string isbn = 2; string issn = 3; } oneof place { string room = 4; }",
        "oneof code { string isbn = 2; } oneof place { string room = 4; string issn = 3; }", False,
    ),
    "a field from a oneof to one of its own": book(
        "oneof code { string isbn = 2; string issn = 3; }",
        "oneof code { string isbn = 2; } oneof other { string issn = 3; }", False,
        f"Confluent: {ONEOF}",
    ),
    "two oneofs to one": book(
        "oneof code { string isbn = 2; } oneof other { string issn = 3; }",
        "oneof code { string isbn = 2; string issn = 3; }", False,
        f"Karapace: {ONEOF}",
    ),
    "another type as well": book("int32 isbn = 2;", "oneof code { sint64 isbn = 2; }", False, f"Karapace: {ONEOF}"),
}  # fmt: skip
