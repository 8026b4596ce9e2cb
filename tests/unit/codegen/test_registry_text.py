"""What a registry gets: the rules as comments, and a file that needs nothing else."""

from pathlib import Path

import pytest

from codegen import tree
from codegen.errors import ContractError
from codegen.plan.wanted import wanted
from codegen.proto import compiler as proto_compiler
from codegen.remote.registry_text import registry_text, with_rules, with_words_in_comments

CONTRACTS = Path(__file__).parents[3] / "contracts"
HEAD = 'syntax = "proto3";\npackage x.v1;\n'
IMPORT = 'import "buf/validate/validate.proto";\n'
ROUND_TRIPS = (
    "string a = 1 [(buf.validate.field).string.uuid = true];",
    "string a = 1 [deprecated = true, (buf.validate.field).string.uuid = true];",
    "string a = 1 [(buf.validate.field).string.uuid = true, deprecated = true];",
    "string a = 1 [(buf.validate.field).string = {\n    min_len: 1\n    max_len: 9\n  }];",
    'option (buf.validate.message).cel = {\n    id: "x"\n    expression: "true"\n  };\n  string a = 1;',
    "oneof o {\n    option (buf.validate.oneof).required = true;\n    string a = 1;\n  }",
    "map<string, string> a = 1 [(buf.validate.field).map.max_pairs = 2];",
)
COMMENTED = '/* import "buf/validate/validate.proto"; */\n'


def _published(body: str) -> str:
    text = f"{HEAD}{IMPORT}message M {{\n{body}\n}}\n"
    [file] = [each for each in proto_compiler.descriptors_of_all({"x.proto": text}).file if each.name == "x.proto"]
    return registry_text(file, text)


@pytest.mark.parametrize(
    ("field", "published"),
    [
        (
            "string a = 1 [(buf.validate.field).string.uuid = true];",
            "string a = 1 /* [(buf.validate.field).string.uuid = true] */;",
        ),
        (
            "string a = 1 [deprecated = true, (buf.validate.field).string.uuid = true];",
            "string a = 1 [deprecated = true/* , (buf.validate.field).string.uuid = true */];",
        ),
        (
            "string a = 1 [(buf.validate.field).string.uuid = true, deprecated = true];",
            "string a = 1 [/* (buf.validate.field).string.uuid = true, */ deprecated = true];",
        ),
        (
            'string a = 1 [(buf.validate.field).string.pattern = "a*/"];',
            'string a = 1 /* [(buf.validate.field).string.pattern = "a* /"] */;',
        ),
    ],
)
def test_rules_are_comments_and_the_rest_is_as_it_was(field: str, published: str) -> None:
    """In the text for the registry each rule is a comment in its place, and the file still compiles."""
    made = _published(f"  {field}")
    assert made == f"{HEAD}{COMMENTED}message M {{\n  {published}\n}}\n"
    assert [each.name for each in proto_compiler.descriptors_of_all({"x.proto": made}).file] == ["x.proto"]


def test_a_file_that_has_a_type_of_the_rules_keeps_its_import() -> None:
    """Rules cannot become comments where a field's type comes from the same file; the text stays as it is."""
    field = "buf.validate.Violations a = 1;\n  string b = 2 [(buf.validate.field).string.uuid = true];"
    assert _published(f"  {field}") == f"{HEAD}{IMPORT}message M {{\n  {field}\n}}\n"


@pytest.mark.parametrize("field", ROUND_TRIPS)
def test_rules_come_back_out_of_their_comments(field: str) -> None:
    """What a registry or the lock has makes the same validators as the file that was published."""
    published = _published(f"  {field}")
    assert with_rules({"x.proto": published}, "x.proto") == f"{HEAD}{IMPORT}message M {{\n  {field}\n}}\n"


@pytest.mark.parametrize(
    "foreign",
    [
        "string a = 1; /* (buf.validate.field) would be nice here */",
        'string a = 1 /* [(buf.validate.field).string.pattern = "a* /"] */;',  # a*/ or a* /
        "string a = 1;",
    ],
)
def test_a_text_that_did_not_come_from_here_stays_as_it_is(foreign: str) -> None:
    """Comments that only look like rules, or are ambiguous, are left as they are when a text is pulled."""
    text = f"{HEAD}{COMMENTED}message M {{\n  {foreign}\n}}\n"
    if foreign == "string a = 1;":
        text = text.replace(COMMENTED, "")
    assert with_rules({"x.proto": text}, "x.proto") == text


def test_the_contracts_themselves_come_back_from_what_is_published() -> None:
    """Each Protobuf contract is restored byte for byte from its published text."""
    found = tree.read(CONTRACTS)
    for subject in wanted(found).subjects:
        if subject.kind == "PROTOBUF" and subject.owned:
            texts = {**dict(subject.imports), subject.subject: subject.text}
            assert with_rules(texts, subject.subject) == (found.proto_dir / subject.subject).read_text()


@pytest.mark.parametrize(
    "options",
    [
        "(buf.validate.field).string.min_len = 1, (buf.validate.field).string.max_len = 9",
        "(buf.validate.field).string.min_len = 1, deprecated = true, (buf.validate.field).string.max_len = 9",
        "(buf.validate.field).string = {\n    min_len: 1\n  }",
    ],
)
def test_what_is_published_compiles_without_the_rules(options: str) -> None:
    """A published text compiles without protovalidate's file and keeps all other field options."""
    made = _published(f"  string a = 1 [{options}];\n  string b = 2;")
    [file] = proto_compiler.descriptors_of_all({"x.proto": made}).file
    assert [field.name for field in file.message_type[0].field] == ["a", "b"]
    assert file.message_type[0].field[0].options.deprecated == ("deprecated" in options)


def test_places_that_do_not_fit_the_text_are_told() -> None:
    """A file whose format hides a rule's place is refused with its line and the command that formats it."""
    with pytest.raises(ContractError, match=r"proto/x.proto: line 5: is not formatted; run: codegen lint --fix"):
        _published("\tstring a = 1 [(buf.validate.field).string.uuid = true];")


def test_the_contract_is_published_with_its_rules_to_read_and_without_the_other_project_s_file() -> None:
    """The published contract shows its rules as comments and does not refer to protovalidate's file."""
    subjects = {each.subject: each for each in wanted(tree.read(CONTRACTS)).subjects}
    assert "buf/validate/validate.proto" not in subjects
    tally = subjects["tally/v1/tally.proto"]
    assert [each.subject for each in tally.references] == ["google/rpc/status.proto"]
    assert "/* [(buf.validate.field).string.uuid = true] */" in tally.text


def test_no_line_comment_is_published_without_words_and_the_contract_comes_back_all_the_same() -> None:
    """Karapace takes "//" alone for an error; the file's own words and lines stay what they are."""
    text = 'syntax = "proto3";\n\n// Adds.\n//\n// Twice.\nmessage M {\n  //\n  string url = 1; // http://\n}\n'
    made = with_words_in_comments(text)
    assert [line.strip(" ") for line in made.splitlines()] == [line.strip(" ") for line in text.splitlines()]
    assert not [line for line in made.splitlines() if line.endswith("//") and line.lstrip() == "//"]
    assert with_rules({"m.proto": made}, "m.proto") == text
