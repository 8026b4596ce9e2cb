"""Where generated code goes: options, ``codegen.yaml``, or the folder ``generated`` beside the contracts."""

from pathlib import Path

import pytest

from codegen import settled
from codegen.errors import CodegenError
from codegen.output import Output, output_of
from codegen.project import FILE

CONTRACTS = Path("contracts")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with an empty contracts folder, and keep stamps there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLY_CACHE_DIR", str(tmp_path / "cache"))
    CONTRACTS.mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "out", "package", "expected"),
    [
        (None, None, None, Output(Path("contracts/generated"), "contracts.generated")),
        ("", None, None, Output(Path("contracts/generated"), "contracts.generated")),
        ("out: ../shop/made\n", None, None, Output(Path("shop/made"), "shop.made")),
        ("out: ../src/shop/made\npackage: shop.made\n", None, None, Output(Path("src/shop/made"), "shop.made")),
        ("package: shop.made\n", None, None, Output(Path("contracts/generated"), "shop.made")),
        ("package: shop.made\n", None, "mine", Output(Path("contracts/generated"), "mine")),
        ("out: ../a\npackage: shop.made\n", Path("b/c"), None, Output(Path("b/c"), "b.c")),
        ("out: ../a\npackage: shop.made\n", Path("b/c"), "mine", Output(Path("b/c"), "mine")),
    ],
)
def test_options_win_over_the_file_and_the_file_over_the_default(
    text: str | None, out: Path | None, package: str | None, expected: Output
) -> None:
    """The package of the file belongs to the folder of the file: code that goes elsewhere has its own name."""
    if text is not None:
        (CONTRACTS / FILE).write_text(text, encoding="utf-8")
    assert output_of(CONTRACTS, out, package) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("out: [", "codegen.yaml: is not YAML"),
        ("- out", "must be a mapping with nothing but out, package, level, subjects, lint and grpc"),
        ("outs: x", "must be a mapping with nothing but out, package, level, subjects, lint and grpc"),
        ("out: 5", "out: is 5; allowed is a text that is not empty"),
        ("package: ''", "package: is ''; allowed is a text that is not empty"),
        ("package: my-shop", "'my-shop' cannot be a Python package"),
        ("level: backward", "level: is 'backward'; allowed is NONE, BACKWARD"),
        ("subjects: [a]", r"subjects: is \['a'\]; allowed is a mapping of subjects to their files"),
        ("subjects: {s: {level: FULL}}", "subjects.s.file: is None; allowed is a file below avro/ or proto/"),
        ("subjects: {s: {file: /etc/x}}", "subjects.s.file: is '/etc/x'; allowed is a file below avro/ or proto/"),
        (
            "subjects: {s: {file: avro/x, lvl: 1}}",
            "subjects.s: must be a mapping with nothing but file, versions, level",
        ),
        ("subjects: {s: {file: avro/x, references: {T: 5}}}", "subjects.s.references.T: is 5; allowed is a text"),
    ],
)
def test_a_wrong_file_is_told_by_file_and_key(text: str, words: str) -> None:
    """The error names the file, the key, the value and what is allowed; the quick look leaves it to the work."""
    (CONTRACTS / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(CodegenError, match=words):
        output_of(CONTRACTS)
    assert not settled.is_so(CONTRACTS)


def test_an_edit_of_code_outside_the_contracts_unsettles_them() -> None:
    """The stamp covers the code wherever it goes: an edit by hand there is seen by the next `codegen gen`."""
    (CONTRACTS / FILE).write_text("out: ../shop\n", encoding="utf-8")
    module = Path("shop/topics.py")
    module.parent.mkdir()
    module.write_text("1\n", encoding="utf-8")
    settled.remember(CONTRACTS)
    assert settled.is_so(CONTRACTS)
    module.write_text("2\n", encoding="utf-8")
    assert not settled.is_so(CONTRACTS)
