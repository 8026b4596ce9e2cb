"""The command: what it prints, its exit codes, and that it touches nothing that is not its own."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen import tree
from codegen.__main__ import main
from codegen.errors import CodegenError

CONTRACTS = Path(__file__).parents[3] / "contracts"
GENERATED = CONTRACTS.parent / "tally" / "generated"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a function that runs the command in a folder of its own and returns (exit code, all output)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["codegen", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out + err

    return run


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """Return a copy of the contracts, and of their code, in the folder that ``run`` runs in."""
    shutil.copytree(GENERATED, tmp_path / "tally" / "generated", ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copytree(CONTRACTS, tmp_path / "contracts", ignore=shutil.ignore_patterns("__pycache__")))


def _edit(path: Path, old: str, new: str) -> int:
    """Replace the first place of ``old`` and return its line."""
    before, found, after = path.read_text(encoding="utf-8").partition(old)
    assert found
    path.write_text(before + new + after, encoding="utf-8")
    return before.count("\n") + 1


@pytest.mark.usefixtures("contracts")
def test_generating_twice_changes_nothing_and_check_agrees(run: Run) -> None:
    """Generating over up-to-date code changes no file, and `codegen check` finds no difference."""
    files = sum(path.suffix in (".py", ".pyi") for path in GENERATED.rglob("*"))
    assert run("generate") == (0, f"{files} files in tally/generated, none changed\n")
    assert run("check") == (0, f"{files} files in tally/generated match the contracts\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "topics.py").unlink(), "topics.py is missing"),
        (lambda folder: _edit(folder / "avro" / "sum_added.py", "SumAdded", "Sum"), "avro/sum_added.py differs"),
        (lambda folder: (folder / "more.py").write_text(""), "more.py is not generated from any contract"),
    ],
)
def test_check_exits_4_when_the_generated_code_is_otherwise(
    run: Run, contracts: Path, damage: Callable[[Path], object], words: str
) -> None:
    """A missing, an edited or a surplus generated file ends `codegen check` with exit code 4 and its name."""
    damage(contracts.parent / "tally" / "generated")
    code, said = run("check")
    assert code == 4
    assert words in said


def test_a_folder_with_files_of_others_is_left_alone(run: Run, contracts: Path) -> None:
    """Generating into a folder with files that codegen did not write is refused and changes none of them."""
    before = tree.files_of(contracts)
    code, said = run("generate", "--out", "contracts")
    assert code == 1
    assert "codegen did not write" in said
    assert tree.files_of(contracts) == before


def test_a_contract_that_is_gone_takes_its_generated_code_with_it(run: Run, contracts: Path) -> None:
    """Generating again deletes the code of a contract that was deleted."""
    (contracts / "avro" / "ledger_row.avsc").unlink()
    assert run("generate")[0] == 0
    assert not (contracts.parent / "tally" / "generated" / "avro" / "ledger_row.py").exists()
    shutil.rmtree(contracts / "proto")
    assert run("generate")[0] == 0
    assert not (contracts.parent / "tally" / "generated" / "tally").exists()


def test_a_foreign_project_generates_under_its_own_package_with_imports_between_its_files(
    run: Run, tmp_path: Path
) -> None:
    """Another project's files import each other by its own package, and Google's types from theirs."""
    folder = tmp_path / "api" / "proto" / "shop" / "v1"
    folder.mkdir(parents=True)
    head = 'syntax = "proto3";\npackage shop.v1;\n'
    (folder / "money.proto").write_text(f"{head}message Money {{\n  int64 cents = 1;\n}}\n")
    (folder / "order.proto").write_text(
        f'{head}import "google/protobuf/timestamp.proto";\nimport "shop/v1/money.proto";\n'
        "message Order {\n  Money price = 1;\n  google.protobuf.Timestamp at = 2;\n}\n"
    )
    (folder / "all.proto").write_text(
        f'{head}import public "shop/v1/money.proto";\nmessage Purse {{\n  Money content = 1;\n}}\n'
    )
    assert run("generate", "--contracts", "api", "--out", "shop_types", "--package", "my.shop_types")[0] == 0
    assert "from my.shop_types.shop.v1.money_pb2 import *" in (tmp_path / "shop_types/shop/v1/all_pb2.py").read_text()
    text = (tmp_path / "shop_types" / "shop" / "v1" / "order_pb2.py").read_text()
    assert "from my.shop_types.shop.v1 import money_pb2" in text
    assert "from google.protobuf import timestamp_pb2" in text


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "proto/tally/v1/tally.proto",
            "string a = 2 ",
            "strin a = 2 ",
            'proto/tally/v1/tally.proto: line {line}, column 3: "strin" is not',
        ),
        ("proto/tally/v1/tally.proto", "google/rpc/status", "google/rpc/stats", "google/rpc/stats.proto"),
        (
            "avro/sum_added.avsc",
            '"size": 16',
            '"size": "16"',
            "avro/sum_added.avsc: line {line}, $.fields[0].type.size: ",
        ),
        ("topics/tally.sums.v1.yaml", "partitions: 12", "partitions: many", "topics/tally.sums.v1.yaml: line {line}"),
        ("topics/tally.sums.v1.yaml", "avro/sum_added", "avro/sum_add", "there are avro/dead_letter.avsc"),
    ],
)
def test_a_broken_contract_exits_1_with_file_and_place(
    run: Run, contracts: Path, file: str, old: str, new: str, words: str
) -> None:
    """A mistake in any kind of contract ends with exit code 1, its file and its place, and no traceback."""
    line = _edit(contracts / file, old, new)
    code, said = run("generate")
    assert code == 1, said
    assert words.format(line=line) in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--contracts", "nowhere"), "nowhere is not a folder"),
        (("--contracts", "."), "holds no contracts"),
        (("--package", "a-b"), "a-b"),
    ],
)
@pytest.mark.usefixtures("contracts")
def test_a_wrong_folder_or_package_is_told(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """A contracts folder that is missing or empty, or an invalid package name, ends with exit code 1."""
    code, said = run("generate", *arguments)
    assert code == 1
    assert words in said


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("generate", "--nothing"), ("publish",), ("publish", "--kafka", "x")]
)
def test_a_wrong_command_line_exits_64(run: Run, arguments: tuple[str, ...]) -> None:
    """An unknown command or option, or a missing one, ends with exit code 64."""
    assert run(*arguments)[0] == 64


@pytest.mark.parametrize("arguments", [("--help",), ("generate", "--help"), ("publish", "--help")])
def test_help_exits_0_and_tells_what_a_stranger_needs(run: Run, arguments: tuple[str, ...]) -> None:
    """Help ends with exit code 0 and says where the contracts are looked for."""
    code, said = run(*arguments)
    assert code == 0
    assert "contracts" in said


@pytest.mark.usefixtures("contracts")
def test_lint_finds_nothing_in_the_contracts(run: Run) -> None:
    """The repository's own contracts keep every rule of the linter."""
    assert run("lint") == (0, "contracts: no findings\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("proto/tally/v1/tally.proto", "rpc AddBatch", "rpc addBatch", "should be PascalCase"),
        ("proto/tally/v1/tally.proto", "  string a = 2 ", " string a = 2 ", "is not formatted"),
        ("avro/sum_added.avsc", '"name": "OperandA"', '"name": "operand"', "a type's name is in PascalCase"),
        ("avro/sum_added.avsc", '"name": "added_at"', '"name": "addedAt"', "addedAt is not in snake_case"),
        ("avro/sum_added.avsc", '"doc": "The first operand."', '"doc": ""', "a has no doc"),
        ("avro/sum_added.avsc", '"tally.v1"', '"Tally"', "the namespace"),
        ("avro/ledger_row.avsc", '"COUNTED", "DUPL', '"Counted", "DUPL', "the symbol Counted"),
        ("topics/tally.sums.v1.yaml", "width_bytes: 72", "width_bytes: 71", "a record has 72 bytes"),
        ("avro/sum_added.avsc", '"timestamp-micros"', '"timestamp-millis"', "the width of added_at varies"),
        ("topics/tally.sums.v1.yaml", "sum_added", "dead_letter", "cannot be a column"),
    ],
)
def test_lint_finds_what_is_against_the_rules(
    run: Run, contracts: Path, file: str, old: str, new: str, words: str
) -> None:
    """A broken rule of naming, format, documentation or width ends the linter with code 1 and a finding."""
    _edit(contracts / file, old, new)
    code, said = run("lint")
    assert code == 1
    assert words in said


def test_lint_can_format_the_protobuf_files(run: Run, contracts: Path) -> None:
    """`codegen lint --fix` restores the format of a Protobuf file, byte for byte."""
    path = contracts / "proto" / "tally" / "v1" / "tally.proto"
    before = path.read_text(encoding="utf-8")
    _edit(path, "  string a = 2 ", " string   a = 2 ")
    assert run("lint", "--fix") == (0, "contracts: no findings\n")
    assert path.read_text(encoding="utf-8") == before


def test_publishing_to_an_address_without_a_scheme_is_told(run: Run, contracts: Path) -> None:
    """A registry address without http:// or https:// is refused with what is allowed."""
    assert contracts.is_dir()
    code, said = run("publish", "--registry", "localhost:8081", "--kafka", "localhost:9092")
    assert code == 1
    assert "allowed is an http:// or https:// address" in said


def test_a_properties_file_that_cannot_be_read_is_told(run: Run, contracts: Path) -> None:
    """A file of Kafka properties that does not exist ends with exit code 1 and its name."""
    assert contracts.is_dir()
    code, said = run("publish", "--registry", "http://x", "--kafka", "x", "--kafka-config", "gone.properties")
    assert code == 1
    assert "gone.properties" in said


def test_a_file_changes_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk fills up while files are replaced, the old generated file is still there whole."""
    folder = tmp_path / "out"
    mark = tree.MARK.format(source="x")
    tree.replace(folder, {"a.py": f"{mark}\nold"})

    def failing(_source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(CodegenError, match="disk full"):
        tree.replace(folder, {"a.py": f"{mark}\nnew"})
    assert tree.files_of(folder) == {"a.py": f"{mark}\nold"}
