"""What others may rely on and the contracts have no more stops a plan, until retired.yaml says that it is meant."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from codegen.commands import plan, publish
from codegen.plan import lock as locks
from codegen.plan.was import NOTHING, Was
from codegen.remote.publish import Publisher
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.publishing_world import World
from tests_support.contracts.small_contracts import Run, SmallContracts

ENTRY = "{date: 2026-12-01, reason: Nobody uses it any more.}"
ROW = {"type": "record", "name": "Row", "namespace": "tests.v1", "fields": [{"name": "x", "type": "int"}]}
SERVICE = """\
message Empty {
  enum Way {
    WAY_UNSPECIFIED = 0;
  }
}
enum Colour {
  COLOUR_UNSPECIFIED = 0;
}
service Orders {
  rpc Put(Order) returns (Order);
  rpc Get(Order) returns (Order);
}
"""
TOPIC, SUBJECT, PROTO = "topic shop.orders.v1", "subject shop.orders.v1-value", "subject shop/v1/order.proto"


def topic(small: SmallContracts, *changes: tuple[str, str]) -> None:
    path = small.root / "topics" / "orders.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def proto(small: SmallContracts, old: str, new: str = "") -> None:
    path = small.root / "proto" / small.proto
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def row(small: SmallContracts, name: str) -> None:
    (small.root / "avro" / "row.avsc").write_text(json.dumps({**ROW, "name": name}), encoding="utf-8")


def remove(small: SmallContracts, *paths: str) -> None:
    for path in paths:
        (small.root / path).unlink()


def rename(small: SmallContracts, path: str, to: str) -> None:
    (small.root / path).rename(small.root / to)


Change = Callable[[SmallContracts], None]
LOSSES: Mapping[str, tuple[Change, tuple[str, ...]]] = {
    "a topic, its schema stays": (
        lambda small: remove(small, "topics/orders.yaml"),
        (f"DELETE  {TOPIC}: is in no contract any more", f"RENAME  {SUBJECT}: is tests.v1.Order now"),
    ),
    "a topic with its schema": (
        lambda small: remove(small, "topics/orders.yaml", "avro/order.avsc"),
        (
            f"DELETE  {TOPIC}: is in no contract any more",
            f"DELETE  {SUBJECT}: is in no contract any more",
            "programs on {was} look it up by this name and read records of it",
        ),
    ),
    "a record in files": (
        lambda small: remove(small, "avro/row.avsc"),
        ("DELETE  subject tests.v1.Row: is in no contract any more",),
    ),
    "a Protobuf file": (
        lambda small: remove(small, f"proto/{small.proto}"),
        (f"DELETE  {PROTO}: is in no contract any more", "programs on {was} use enum shop.v1.Colour, message shop.v1."),
    ),
    "the name of a topic": (
        lambda small: topic(small, ("shop.orders.v1", "shop.purchases.v1")),
        (f"RENAME  {TOPIC}: is shop.purchases.v1 now", f"RENAME  {SUBJECT}: is shop.purchases.v1-value now"),
    ),
    "the name of a subject": (
        lambda small: topic(small, ("subject: shop.orders.v1-value", "subject: purchases")),
        (f"RENAME  {SUBJECT}: is purchases now",),
    ),
    "the name of a record in files": (
        lambda small: row(small, "Line"),
        ("RENAME  subject tests.v1.Row: is tests.v1.Line now",),
    ),
    "the name of an Avro file": (
        lambda small: rename(small, "avro/row.avsc", "avro/line.avsc"),
        ("RENAME  file avro/row.avsc: is avro/line.avsc now", "programs import its classes from a module of this name"),
    ),
    "everything": (
        lambda small: remove(small, "topics/orders.yaml", "avro/order.avsc", "avro/row.avsc", f"proto/{small.proto}"),
        (f"DELETE  {TOPIC}", f"DELETE  {SUBJECT}", f"DELETE  {PROTO}", "DELETE  subject tests.v1.Row"),
    ),
    "the name of a Protobuf file": (
        lambda small: rename(small, f"proto/{small.proto}", "proto/shop/v1/orders.proto"),
        (f"RENAME  {PROTO}: is shop/v1/orders.proto now",),
    ),
    "a level": (
        lambda small: topic(small, ("FULL_TRANSITIVE", "NONE")),
        ("CONFIG  level shop.orders.v1-value: FULL_TRANSITIVE -> NONE", "{was} were released with the promise FULL"),
    ),
    "part of a level": (
        lambda small: topic(small, ("FULL_TRANSITIVE", "BACKWARD_TRANSITIVE")),
        ("CONFIG  level shop.orders.v1-value: FULL_TRANSITIVE -> BACKWARD_TRANSITIVE",),
    ),
    "a message, an enum, a service": (
        lambda small: proto(small, SERVICE),
        (
            "DELETE  message shop.v1.Empty: is in no contract any more",
            "DELETE  enum shop.v1.Colour: is in no contract any more",
            "DELETE  service shop.v1.Orders: is in no contract any more",
            "{was} has it: its callers get UNIMPLEMENTED",
        ),
    ),
    "an rpc": (
        lambda small: proto(small, "  rpc Get(Order) returns (Order);\n"),
        ("DELETE  rpc shop.v1.Orders.Get: is in no contract any more",),
    ),
    "an enum inside": (
        lambda small: proto(small, "  enum Way {\n    WAY_UNSPECIFIED = 0;\n  }\n"),
        ("DELETE  enum shop.v1.Empty.Way: is in no contract any more",),
    ),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with contracts of one of everything, released as v1 and committed; it is copied."""
    folder = tmp_path_factory.mktemp("world")
    small = SmallContracts(folder / "contracts", "shop")
    row(small, "Row")
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text(encoding="utf-8") + SERVICE, encoding="utf-8")
    for arguments in (("generate",), ("lock",), ("plan", "--offline")):
        codegen(folder, *arguments)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder)]
    for more in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *more], check=True)
    return folder


@pytest.fixture
def released(run: Run, small: SmallContracts, world: Path) -> SmallContracts:
    """Return the contracts of the world."""
    shutil.rmtree(small.root)
    shutil.copytree(world, small.root.parent, dirs_exist_ok=True)
    return small


def retire(small: SmallContracts, said: str) -> None:
    """Say of everything that a plan calls lost that it is retired."""
    lines = [line.split() for line in said.splitlines() if line.startswith(("DELETE", "RENAME", "CONFIG"))]
    entries = [f"{kind} {name.rstrip(':')}: {ENTRY}\n" for _, kind, name, *_ in lines]
    (small.root / "retired.yaml").write_text("".join(entries), encoding="utf-8")


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_lost_stops_the_plan_and_the_lock_until_it_is_retired(
    run: Run, released: SmallContracts, loss: str
) -> None:
    """Each thing that is gone is a line with whom that breaks and exit code 3; an entry in retired.yaml lets it go."""
    change, lines = LOSSES[loss]
    change(released)
    told = {}
    for was, command in {
        "v": ("plan", "--offline"),
        "git:HEAD": ("plan", "--offline", "--against", "git:HEAD"),
    }.items():
        code, told[was] = run(*command)
        assert code == 3, told[was]
        for words in lines:
            assert words.partition("{was}")[0] in told[was]
            assert words.rpartition("{was}")[2] in told[was]
    assert run("generate")[0] == 0
    code, said = run("lock")
    assert (code, said) == (3, told["v"])
    retire(released, said)
    code, said = run("plan", "--offline", "--against", "git:HEAD")
    assert code in {0, 2}, said
    assert "retired on 2026-12-01: Nobody uses it any more." in said
    for arguments in (("lock",), ("plan", "--offline"), ("check",)):
        code, said = run(*arguments)
        assert code == 0, said


def test_what_moves_within_the_contracts_is_not_lost(run: Run, released: SmallContracts) -> None:
    """A message that another file of the same package holds now is where it was for everybody who names it."""
    empty = SERVICE.partition("enum Colour")[0]
    proto(released, empty)
    other = f'syntax = "proto3";\npackage shop.v1;\n{empty}'
    (released.root / "proto" / "shop" / "v1" / "empty.proto").write_text(other, encoding="utf-8")
    code, said = run("plan", "--offline")
    assert code == 2, said
    assert "DELETE" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "topic shop.orders.v1: {moved_to: x}\n",
            "topic shop.orders.v1: is said to be retired, and the contracts still",
        ),
        (f"{SUBJECT}: {ENTRY}\n", "is said to be retired, and the contracts still have it"),
        ("subject x: {date: 2026-13-01, reason: x}\n", "line 1, subject x.date: is '2026-13-01'; allowed is a date"),
        ("subject x: {date: 2026-12-01}\n", "subject x.reason: is missing"),
        ("subject x: {reason: y}\n", "subject x.date: is missing"),
        ("subject x: {moved: y}\n", "subject x.date: is missing"),
        ("subject x: {moved_to: y, why: z}\n", "subject x.why: is not a key here"),
        ("table x: {moved_to: y}\n", "is not one of subject, topic, file, level"),
        ("file avro/order.avsc: {moved_to: y}\n", "file avro/order.avsc: is said to be retired"),
        ("subject x\n", "must be a mapping"),
        ("", "is empty; delete it"),
    ],
)
def test_a_wrong_entry_is_refused_by_lint_plan_and_generate(
    run: Run, small: SmallContracts, text: str, words: str
) -> None:
    """An entry that is wrong, or about what is still there, is refused with file, line and what is allowed."""
    (small.root / "retired.yaml").write_text(text, encoding="utf-8")
    for command in (("lint",), ("plan", "--offline"), ("generate",)):
        code, said = run(*command)
        assert code == 1
        assert "retired.yaml: " in said
        assert words in said


def test_a_key_is_the_same_with_blanks_around_and_within(run: Run, released: SmallContracts) -> None:
    """Blanks around a quoted key, or more than one after its first word, are no part of a name; those in a name are."""
    path = released.root / "codegen.yaml"
    path.write_text("subjects: {any  text: {file: avro/row.avsc}}\n", encoding="utf-8")
    for command in ("generate", "lock"):
        assert run(command)[0] in {0, 3}
    (released.root / "retired.yaml").write_text(f"' subject   tests.v1.Row ': {ENTRY}\n", encoding="utf-8")
    assert run("lock")[0] == 0
    path.unlink()
    (released.root / "retired.yaml").write_text(f"subject any  text: {ENTRY}\n", encoding="utf-8")
    for command in ("generate", "lock"):
        code, said = run(command)
        assert code == 0, said
    both = f"'subject  any  text': {ENTRY}\nsubject any  text: {ENTRY}\n"
    (released.root / "retired.yaml").write_text(both, encoding="utf-8")
    assert "line 2, subject any  text: the key is there twice" in run("lint")[1]


@pytest.mark.parametrize(
    ("key", "to", "found"),
    [
        ("subject x", "shop.orders.v1-value", True),
        ("topic x", "shop.orders.v1", True),
        ("file avro/x.avsc", "avro/row.avsc", True),
        ("message shop.v1.X", "shop.v1.Order", True),
        ("rpc shop.v1.X.Put", "shop.v1.Orders.Put", True),
        ("message shop.v1.X", "shop.v1.Y", True),  # which is retired itself
        ("message shop.v1.X", "shop.v1.X", False),
        ("message shop.v1.X", "shop.v1.Ordre", False),
        ("subject x", "another team has it", False),
    ],
)
def test_lint_refuses_a_place_to_move_to_that_nothing_has(
    run: Run, released: SmallContracts, key: str, to: str, *, found: bool
) -> None:
    """`moved_to` names what the contracts have, or had and retired; lint refuses any other name, with the entry."""
    text = f"message shop.v1.Y: {ENTRY}\n{key}: {{moved_to: {to}}}\n"
    (released.root / "retired.yaml").write_text(text, encoding="utf-8")
    code, said = run("lint")
    words = f"retired.yaml: {key}.moved_to: is {to!r}, and the contracts have nothing of this name"
    assert (words in said) is not found
    assert found or code == 1


def test_a_lock_of_before_without_the_names_of_files_is_read(run: Run, released: SmallContracts) -> None:
    """A lock whose versions do not say where their files were gives the same plan; a renamed file is not told then."""
    lock = locks.load(released.root)
    assert lock is not None
    subjects = {
        name: replace(subject, versions=tuple(replace(each, file=UNSET) for each in subject.versions))
        for name, subject in lock.subjects.items()
    }
    locks.save(released.root, replace(lock, subjects=subjects))
    assert '"file": "avro' not in released.lock.read_text(encoding="utf-8")
    rename(released, "avro/row.avsc", "avro/line.avsc")
    for command in (("generate",), ("plan", "--offline"), ("lock",), ("generate", "--from", "lock", "--out", "made")):
        code, said = run(*command)
        assert code == 0, said
    assert Path("made/avro/line.py").is_file()


def test_a_registry_that_has_what_the_contracts_lost_is_not_published_to(
    run: Run, released: SmallContracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a registry, plan and publish end with 3 as long as it has a subject of the lock that nobody wants."""
    world = World()

    @contextmanager
    def opened(*_: object, remembered: Was, against: Was = NOTHING, **__: object) -> Iterator[Publisher]:
        yield Publisher(world.http, None, world.clock, 60.0, print, remembered=remembered, against=against)

    for command in (plan, publish):
        monkeypatch.setattr(command, "open_publisher", opened)
    where = ("--registry", "http://registry.test")
    code, said = run("publish", *where)
    assert code == 0, said
    remove(released, "topics/orders.yaml", "avro/order.avsc")
    for arguments in (("plan", *where), ("plan", *where, "--against", "git:HEAD"), ("publish", *where)):
        code, said = run(*arguments)
        assert code == 3, said
        assert "subject shop.orders.v1-value: programs on v1 look" in said or f"DELETE  {SUBJECT}: is in no" in said
    (released.root / "retired.yaml").write_text(f"{TOPIC}: {ENTRY}\n")
    code, said = run("plan", *where)
    assert code == 0, said


def test_a_message_that_is_said_to_be_retired_and_is_there_is_a_finding(run: Run, small: SmallContracts) -> None:
    """Lint tells of an entry about a message that the contracts still have."""
    (small.root / "retired.yaml").write_text(f"message shop.v1.Order: {ENTRY}\n", encoding="utf-8")
    code, said = run("lint")
    assert code == 1
    assert "retired.yaml: message shop.v1.Order: is said to be retired, and the contracts still have it" in said


def test_code_of_the_locked_versions_has_what_is_gone_until_it_is_retired(run: Run, released: SmallContracts) -> None:
    """`generate --from lock` makes the classes of a record that was only removed, and none of one that is retired."""
    remove(released, "avro/row.avsc")
    assert run("generate", "--from", "lock", "--out", "made")[0] == 0
    assert Path("made/avro/row.py").is_file()
    (released.root / "retired.yaml").write_text(f"subject tests.v1.Row: {ENTRY}\n", encoding="utf-8")
    assert run("generate", "--from", "lock", "--out", "made")[0] == 0
    assert not Path("made/avro/row.py").exists()
