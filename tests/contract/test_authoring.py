"""A newcomer's way: a new folder, findings with their places, code from the lock, and one command for all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codegen import settled
from tally.base import stamp
from tests_support.contracts.small_contracts import COUNT, ID, Run, SmallContracts

ROOT = Path(__file__).parents[2]


def test_a_new_folder_passes_lint_generates_and_its_code_works(run: Run) -> None:
    """`codegen init` makes contracts that lint, plan and lock cleanly, and whose code runs."""
    assert run("init", "new/contracts", "--name", "books")[0] == 0
    folder = ("--contracts", "new/contracts")
    assert run("lint", *folder) == (0, "new/contracts: no findings\n")
    for command in ("generate", "docs", "check", "gen"):
        assert run(command, *folder)[0] == 0
    assert run("plan", "--offline", *folder)[0] == 2
    assert run("lock", *folder)[0] == 0
    assert run("generate", *folder, "--from", "lock", "--out", "released")[0] == 0
    rules = Path("released/books/v1/books_rules.py").read_text().replace("released.", "new.contracts.generated.")
    assert rules == Path("new/contracts/generated/books/v1/books_rules.py").read_text()
    program = (
        "import datetime, uuid\n"
        "from new.contracts.generated.avro.order_placed import OrderPlaced\n"
        "from new.contracts.generated.books.v1 import books_pb2, books_rules\n"
        "at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)\n"
        "order = OrderPlaced(order_id=uuid.UUID(int=7), article='a', count=2, placed_at=at)\n"
        "assert OrderPlaced.decode(order.encode()) == order\n"
        "broken = books_rules.place_order_request(books_pb2.PlaceOrderRequest(order_id='x', article='a', count=0))\n"
        "assert [one.rule_id for one in broken] == ['string.uuid', 'int32.gte_lte'], broken\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_new_folder_never_overwrites_and_its_name_must_be_a_word(run: Run, small: SmallContracts) -> None:
    """`codegen init` refuses a folder that exists and a name that is not a lower-case word."""
    assert run("init", "a")[0] == 0
    before = Path("a/avro/order_placed.avsc").read_bytes()
    code, said = run("init", "a")
    assert (code, "is there already" in said) == (1, True)
    code, said = run("init", "b", "--name", "Big-Shop")
    assert (code, "a word of lower-case letters" in said, Path("b").exists()) == (1, True, False)
    assert Path("a/avro/order_placed.avsc").read_bytes() == before
    assert small.root.is_dir()


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('"long"', '"lon"', {"line": 7, "place": "$.fields[1].type", "rule": "avro-type"}),
        ('"count"', '"Count"', {"line": 6, "place": "$.fields[1].name", "rule": "avro-field-case"}),
        ('"long"}', '"long", "default": "x"}', {"line": 7, "place": "$.fields[1].default", "rule": "avro-default"}),
        ('"long"}', '"long"', {"line": 8, "place": "", "rule": "json"}),
    ],
)
def test_a_broken_schema_names_file_line_json_path_and_rule(
    run: Run, small: SmallContracts, old: str, new: str, finding: dict[str, object]
) -> None:
    """A broken Avro schema is reported with file, line, JSON path and rule, as text and as JSON."""
    lines = (
        '{\n  "type": "record", "name": "Order", "namespace": "tests.v1", "doc": "One.",\n  "fields": [\n'
        '    {"name": "id", "doc": "Which.", "type": "string"},\n    {"doc": "How many.",\n'
        '     "name": "count",\n     "type": "long"}\n  ]\n}\n'
    )
    (small.root / "avro" / "order.avsc").write_text(lines.replace(old, new))
    (small.root / "codegen.yaml").write_text("lint: {avro: [names]}\n")
    code, said = run("lint", "--json")
    document = json.loads(said)
    assert (code, document["exit_code"]) == (1, 1)
    (found,) = [one for one in document["findings"] if one["file"] == "avro/order.avsc"]
    assert {name: found[name] for name in finding} == finding
    assert found["problem"]
    said = run("lint")[1]
    assert f"avro/order.avsc: line {finding['line']}" in said
    assert f"[{finding['rule']}]" in said


def test_a_broken_protobuf_file_names_file_line_and_rule(run: Run, small: SmallContracts) -> None:
    """A syntax error in a Protobuf file is reported with file, line and rule."""
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("string id", "strin id"))
    (found,) = json.loads(run("lint", "--json")[1])["findings"]
    assert (found["file"], found["line"], found["rule"]) == (f"proto/{small.proto}", 8, "protoc")


def test_code_comes_from_the_lock_while_the_contracts_move_on(run: Run, small: SmallContracts) -> None:
    """Code generated from the lock has the locked versions, although the contracts have moved on."""
    small.set_fields(ID, COUNT, {"name": "note", "type": "string", "default": ""})
    assert run("generate", "--from", "lock", "--out", "released")[0] == 0
    assert "note" not in Path("released/avro/order.py").read_text()
    assert "shop.orders.v1" in Path("released/topics.py").read_text()
    assert run("generate", "--from", "contracts", "--out", "now")[0] == 0
    assert "note" in Path("now/avro/order.py").read_text()
    assert run("generate", "--from", "lock")[0] == 64


def test_code_that_does_not_import_is_never_written(
    run: Run, small: SmallContracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generated code that cannot be imported is not written, and the old code stays."""
    before = (small.root / "generated" / "topics.py").read_bytes()
    monkeypatch.setattr("codegen.topics.module._HEAD", "import nowhere_at_all\n{imports}\n")
    code, said = run("generate")
    assert code == 1
    assert "does not work, so nothing was written: ModuleNotFoundError" in said
    assert (small.root / "generated" / "topics.py").read_bytes() == before


def test_generated_code_brings_no_module_that_it_does_not_use(run: Run, small: SmallContracts) -> None:
    """A record of a text and a number needs nothing for logical types; one with bytes and a date does."""
    avro = small.root / "generated" / "avro"
    always = {"__init__", "_default_bytes", "_framing", "_referred", "_resolution", "_runtime", "_schemas", "order"}
    assert {path.stem for path in avro.glob("*.py")} == always
    small.set_fields(
        ID, {"name": "raw", "type": "bytes"}, {"name": "on", "type": {"type": "int", "logicalType": "date"}}
    )
    assert run("generate")[0] == 0
    assert {path.stem for path in avro.glob("*.py")} == always | {"_binary", "_logical"}


def test_code_that_reads_another_value_than_it_wrote_is_never_written(
    run: Run, small: SmallContracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generated code is tried with a value of each type, and code that does not read what it wrote is not written."""
    before = (small.root / "generated" / "avro" / "order.py").read_bytes()
    monkeypatch.setattr("codegen.avro.write._Writer._number", lambda self, *_: self.out.add("_out.append(0)"))
    code, said = run("generate")
    assert code == 1
    assert "does not work, so nothing was written: ValueError: " in said
    assert "generated.avro.order reads 04c3a900 not as the value that it wrote" in said
    assert (small.root / "generated" / "avro" / "order.py").read_bytes() == before


def test_nothing_is_done_twice_and_nothing_that_matters_is_skipped(
    run: Run, small: SmallContracts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``codegen gen`` remembers a state that it found right, outside the tree, and sees every edit of it."""
    monkeypatch.setenv("TALLY_CACHE_DIR", str(tmp_path / "cache"))
    avro = small.root / "avro" / "order.avsc"
    avro.write_text(json.dumps({**json.loads(avro.read_text()), "doc": "One.", "fields": [{**ID, "doc": "Which."}]}))
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("/v1;", "/v1;"))
    code, said = run("gen")
    assert code == 0, said
    assert "nothing changed" in run("gen")[1]
    generated = small.root / "generated" / "topics.py"
    for edited in (generated, small.root / "pages" / "index.html", avro, small.lock):
        before = edited.read_bytes()
        edited.write_bytes(before + b"\n")
        assert not settled.is_so(Path("contracts")), edited
        edited.write_bytes(before)
        assert settled.is_so(Path("contracts")), edited
    before = generated.read_bytes()
    generated.write_bytes(before + b"\n")
    assert "topics.py differs" in run("gen")[1]
    assert generated.read_bytes() == before


def test_the_memory_of_states_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache keeps a fixed number of checked states, the newest among them."""
    monkeypatch.setenv("TALLY_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(stamp, "STAMPS_MAX", 3)
    for number in range(6):
        stamp.leave(f"key-{number}")
    assert len(list((tmp_path / "stamps").iterdir())) == 3
    assert stamp.is_there("key-5")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_plan_is_coloured_on_a_terminal_and_only_there(small: SmallContracts, no_color: str, coloured: bool) -> None:
    """A plan has colours on a terminal, unless NO_COLOR is set, and never in a pipe."""
    import pty

    command = [sys.executable, "-m", "codegen", "plan", "--offline", "--contracts", str(small.root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": no_color, "TERM": "xterm"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:
            pass  # how a terminal ends on Linux
        os.close(ours)
    assert process.returncode == 2, said
    assert (b"\x1b[32m" in said) == coloured
    assert b"CREATE  subject" in said
    if not coloured:
        return
    piped = subprocess.run(command, capture_output=True, env=environment, check=False, timeout=60)
    assert b"\x1b" not in piped.stdout
    assert b"CREATE  subject" in piped.stdout
