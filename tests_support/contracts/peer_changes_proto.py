"""Every kind of change that the tables of buf, Karapace and Confluent's registry ask about, with our own verdicts.

The files are ours, and so are the answers. A peer that answers otherwise is named, with the reason why we do not.
"""

from typing import Final

from tests_support.contracts.peer_changes_fields import (
    FIELDS,
    FILE,
    LABELS,
    NUMBER_FREE,
    ONEOFS,
    SOURCE,
    STATE,
    TYPES,
    WIRE,
    Change,
    book,
    edition,
    proto2,
    proto3,
)

OTHERS: Final = {
    "money.proto": 'syntax = "proto3"; package money; message Price { int64 cents = 1; string currency = 2; }',
    "cash.proto": 'syntax = "proto3"; package cash; message Price { int64 cents = 1; string currency = 2; }',
    "shelf.proto": 'syntax = "proto3"; package library; message Shelf { string room = 1; }',
    "all.proto": 'syntax = "proto3"; package all; import public "money.proto";',
}
"""What the files import."""

_BOOK: Final = "message Book { string id = 1; }"
_LOAN: Final = "message Loan { Book book = 1; }"
_EXTENDED: Final = "message Book { optional string id = 1; extensions 100 to 199; }"
_SERVICE: Final = "service Desk {\n  rpc Lend(Book) returns (Book);\n  rpc Find(Book) returns (stream Book);\n}"


def _file(old: str, new: str, taken: bool, otherwise: str = "") -> Change:
    return Change(proto3(old), proto3(new), taken, otherwise)


MESSAGES: Final = {
    "a message more": _file(_BOOK, f"{_BOOK} message Shelf {{}}", True),
    "a message less": _file(f"{_BOOK} message Shelf {{}}", _BOOK, False),
    "a message less inside another": book("message Page {}", "", False),
    "messages in another order": _file(
        f"{_BOOK} {_LOAN}", f"{_LOAN} {_BOOK}", True
    ),
    "another name of a message": _file(_BOOK, _BOOK.replace("Book", "Volume"), False),
    "a message moves inside another": _file(
        f"{_BOOK} message Loan {{}}", "message Loan { message Book { string id = 1; } }", False
    ),
    "a message moves to an imported file": _file(
        "message Shelf { string room = 1; } message Book { Shelf shelf = 1; }",
        'import "shelf.proto"; message Book { Shelf shelf = 1; }', True,
        "Confluent, Karapace, buf FILE: the name is the same, and so are its bytes",
    ),
    "a message moves from an imported file": _file(
        'import "shelf.proto"; message Book { Shelf shelf = 1; }',
        "message Shelf { string room = 1; } message Book { Shelf shelf = 1; }", True,
        "buf FILE: the name is the same, and so are its bytes",
    ),
    "a type of another package, of the same form": _file(
        'import "money.proto"; message Book { money.Price price = 1; }',
        'import "cash.proto"; message Book { cash.Price price = 1; }', False,
        "Confluent: it compares what the types hold; whoever packs one into Any names it",
    ),
    "an import by way of another": _file(
        'import "money.proto"; message Book { money.Price price = 1; }',
        'import "all.proto"; message Book { money.Price price = 1; }', True,
    ),
    "an import that nobody uses": _file(f'import "cash.proto"; {_BOOK}', _BOOK, True),
    "reserved numbers less": book("reserved 5 to 9;", "reserved 6 to 9;", False, NUMBER_FREE),
    "reserved numbers more": book("reserved 5 to 9;", "reserved 5 to 12;", True),
    "old form of JSON": Change(
        edition(_BOOK),
        edition("message Book { option features.json_format = LEGACY_BEST_EFFORT; string id = 1; }"), False,
    ),
}  # fmt: skip

EXTENSIONS: Final = {
    "an extension more": Change(
        proto2(_EXTENDED), proto2(f"{_EXTENDED} extend Book {{ optional int32 copies = 100; }}"), True
    ),
    "an extension less": Change(
        proto2(f"{_EXTENDED} extend Book {{ optional int32 copies = 100; }}"), proto2(_EXTENDED), False,
        "Karapace, Confluent: they look at no extension",
    ),
    "another type of an extension": Change(
        proto2(f"{_EXTENDED} extend Book {{ optional int32 copies = 100; }}"),
        proto2(f"{_EXTENDED} extend Book {{ optional string copies = 100; }}"), False,
        "Karapace, Confluent: they look at no extension",
    ),
    "fewer numbers for extensions": Change(
        proto2(_EXTENDED), proto2(_EXTENDED.replace("199", "149")), False,
        "Karapace, Confluent: they look at no extension",
    ),
    "more numbers for extensions": Change(proto2(_EXTENDED), proto2(_EXTENDED.replace("199", "299")), True),
}  # fmt: skip

ENUMS: Final = {
    "an enum more": _file(_BOOK, f"{_BOOK} {STATE}", True),
    "an enum less": _file(
        f"{_BOOK} {STATE}", _BOOK, False, "Karapace, Confluent: whoever has its values in code breaks"
    ),
    "a value more": _file(STATE, STATE.replace("}", "STATE_LOST = 2; }"), True),
    "a value less": _file(STATE.replace("}", "STATE_LOST = 2; }"), STATE, False, NUMBER_FREE),
    "a value less, reserved": _file(
        STATE.replace("}", "STATE_LOST = 2; }"), STATE.replace("}", 'reserved 2; reserved "STATE_LOST"; }'), True,
        "buf FILE: nobody can take the number, and old values are kept as numbers",
    ),
    "another name of a value": _file(
        STATE, STATE.replace("STATE_LENT", "STATE_AWAY"), False, f"{WIRE} an enum is a name"
    ),
    "another number of a value": _file(
        STATE, STATE.replace("= 1", "= 2"), False, "Karapace, Confluent: an old LENT is nothing now"
    ),
    "a second name of a value": _file(
        STATE, STATE.replace("{", "{ option allow_alias = true;").replace("}", "STATE_AWAY = 1; }"), True
    ),
    "a second name less": _file(
        STATE.replace("{", "{ option allow_alias = true;").replace("}", "STATE_AWAY = 1; }"), STATE, False,
        f"{WIRE} an enum is a name",
    ),
    "values in another order": _file(
        STATE.replace("}", "STATE_LOST = 2; }"), STATE.replace("STATE_LENT", "STATE_LOST = 2; STATE_LENT"), True
    ),
    "reserved values less": _file(
        STATE.replace("}", "reserved 5; }"), STATE, False, NUMBER_FREE
    ),
    "a closed enum opens": Change(
        edition(STATE.replace("{", "{ option features.enum_type = CLOSED;")), edition(STATE), True,
        "buf FILE: both sides keep a value that they do not know, the one as an unknown field",
    ),
    "old form of an enum's JSON": Change(
        edition(STATE), edition(STATE.replace("{", "{ option features.json_format = LEGACY_BEST_EFFORT;")), False
    ),
}  # fmt: skip

FILES: Final = {
    "another package": Change(
        proto3(_BOOK), proto3(_BOOK).replace("package library", "package archive"), False,
        "Karapace: calls, Any and code name the package",
    ),
    "proto2 to proto3": Change(
        proto2("message Book { optional string id = 1; }"), proto3("message Book { optional string id = 1; }"), True,
        "buf FILE: the same bytes and the same JSON",
    ),
    "proto3 to an edition": Change(
        proto3("message Book { string id = 1; }"),
        edition("option features.field_presence = IMPLICIT; message Book { string id = 1; }"), True,
        "buf FILE: the same bytes and the same JSON",
    ),
    "another package in Java": _file(
        f'option java_package = "org.library"; {_BOOK}', f'option java_package = "org.archive"; {_BOOK}', True,
        SOURCE,
    ),
    "another namespace in C#": _file(
        f'option csharp_namespace = "Library"; {_BOOK}', f'option csharp_namespace = "Archive"; {_BOOK}', True,
        SOURCE,
    ),
    "another package in Go": _file(
        f'option go_package = "library/v1"; {_BOOK}', f'option go_package = "archive/v1"; {_BOOK}', True,
        SOURCE,
    ),
    "smaller code": _file(_BOOK, f"option optimize_for = CODE_SIZE; {_BOOK}", True, SOURCE),
}  # fmt: skip

SERVICES: Final = {
    "a service more": _file(_BOOK, f"{_BOOK} {_SERVICE}", True),
    "a service less": _file(f"{_BOOK} {_SERVICE}", _BOOK, False, "Karapace, Confluent: they look at no service"),
    "another name of a service": _file(
        f"{_BOOK} {_SERVICE}", f"{_BOOK} {_SERVICE.replace('Desk', 'Counter')}", False,
        "Karapace, Confluent: they look at no service",
    ),
    "a call more": _file(
        f"{_BOOK} {_SERVICE}", f"{_BOOK} {_SERVICE.replace('{', '{ rpc Return(Book) returns (Book);', 1)}", True
    ),
    "another name of a call": _file(
        f"{_BOOK} {_SERVICE}", f"{_BOOK} {_SERVICE.replace('Lend', 'Borrow')}", False,
        "Karapace, Confluent: they look at no service",
    ),
    **{
        f"{what} of a call": _file(
            f"{_BOOK} {_LOAN} {_SERVICE}", f"{_BOOK} {_LOAN} {_SERVICE.replace(was, now)}", False,
            "Karapace, Confluent: they look at no service",
        )
        for what, was, now in (
            ("another question", "Lend(Book)", "Lend(Loan)"),
            ("another answer", "Lend(Book) returns (Book)", "Lend(Book) returns (Loan)"),
            ("a stream of questions", "Lend(Book)", "Lend(stream Book)"),
            ("a stream of answers", "Lend(Book) returns (Book)", "Lend(Book) returns (stream Book)"),
            ("no stream of answers", "returns (stream Book)", "returns (Book)"),
        )
    },
    "a call that may be repeated": _file(
        f"{_BOOK} {_SERVICE}",
        f"{_BOOK} {_SERVICE.replace('(stream Book);', '(stream Book) { option idempotency_level = IDEMPOTENT; }')}",
        False,
        "Karapace, Confluent: they look at no service",
    ),
}  # fmt: skip

CHANGES: Final[dict[str, Change]] = {
    **FIELDS, **TYPES, **LABELS, **ONEOFS, **MESSAGES, **EXTENSIONS, **ENUMS, **FILES, **SERVICES
}  # fmt: skip


def sides(change: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return a change's file, and what it and its imports are before and after, in a package of its own.

    So one run of protoc compiles many of them together.
    """
    own = f"library{list(CHANGES).index(change)}"
    row = CHANGES[change]
    before, after = (
        {
            path.replace("library", own): text.replace("library", own)
            for path, text in {**OTHERS, FILE: side}.items()
            if path == FILE or (text.replace("library", own) == text) or path in side
        }
        for side in (row.old, row.new)
    )
    return FILE.replace("library", own), before, after
