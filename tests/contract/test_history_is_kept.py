"""The history is append-only: what was released once is never forgotten and never written over."""

import json
from pathlib import Path

import pytest

from codegen.plan import lock as locks
from tests_support.contracts.small_contracts import Run, SmallContracts

ROW = "avro/row.avsc"


def write_row(small: SmallContracts, kind: str) -> None:
    fields = [{"name": "x", "type": kind, "doc": "X."}]
    schema = {"type": "record", "name": "Row", "namespace": "tests.v1", "doc": "A row.", "fields": fields}
    (small.root / ROW).write_text(json.dumps(schema), encoding="utf-8")


def released(run: Run, *commands: str) -> None:
    for command in commands or ("generate", "lock"):
        assert run(command)[0] == 0


def test_a_record_that_comes_back_as_another_is_compared_with_what_it_was(run: Run, small: SmallContracts) -> None:
    """Removing a record, generating, and putting it back with another type breaks its first version."""
    write_row(small, "int")
    released(run)
    history = small.root / "history" / "tests.v1.Row" / "v1.avsc"
    before = history.read_text()
    (small.root / ROW).unlink()
    released(run, "generate", "check")
    write_row(small, "string")
    released(run, "generate")
    code, said = run("plan", "--offline")
    assert code == 3
    assert "UPDATE  subject tests.v1.Row" in said
    assert "consumers on v2 cannot read v1: `x` is int in v1 and string in v2" in said
    assert run("lock")[0] == 3
    assert history.read_text() == before


@pytest.mark.parametrize("lost", ["the lock", "a line of it"])
def test_a_version_is_never_written_over_with_another_text(run: Run, small: SmallContracts, lost: str) -> None:
    """When the lock forgot a version, its file stays, and plan, check and lock say how to get the lock back."""
    write_row(small, "int")
    released(run)
    path = small.root / "history" / "tests.v1.Row" / "v1.avsc"
    before = path.read_text()
    found = locks.load(small.root)
    assert found is not None
    small.lock.unlink()
    if lost == "a line of it":
        del found.subjects["tests.v1.Row"]
        locks.save(small.root, found)
    write_row(small, "string")
    released(run, "generate")
    shown = path.relative_to(Path.cwd())
    for command in (("plan", "--offline"), ("check",)):
        code, said = run(*command)
        assert code == 4
        assert f"{shown} is a version that contracts.lock does not name" in said
    code, said = run("lock")
    assert code == 4
    assert f"{shown} is there and holds another text than Avro tests.v1.Row of subject tests.v1.Row has now" in said
    assert path.read_text() == before


def test_a_release_that_was_killed_before_the_lock_was_written_is_completed(run: Run, small: SmallContracts) -> None:
    """A version's file that holds the very text that is to be recorded is taken for that version."""
    write_row(small, "int")
    released(run, "generate")
    before = small.lock.read_bytes()
    released(run, "lock")
    small.lock.write_bytes(before)
    released(run, "lock", "check")
    assert run("plan", "--offline")[0] == 0


def write_topic(small: SmallContracts, name: str, *changes: tuple[str, str]) -> None:
    text = (small.root / "topics" / "orders.yaml").read_text().replace(small.topic, name, 1)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (small.root / "topics" / f"{name}.yaml").write_text(text, encoding="utf-8")


def refused(run: Run, *names: str) -> None:
    for command in (("lint",), ("plan", "--offline"), ("generate",)):
        code, said = run(*command)
        assert code == 1
        for name in names:
            assert name in said


def test_two_files_for_one_subject_are_refused_with_both_names(run: Run, small: SmallContracts) -> None:
    """Two records of one name, or two topics with one subject, are refused by lint, plan and generate alike."""
    write_row(small, "int")
    text = (small.root / ROW).read_text()
    (small.root / "avro" / "again.avsc").write_text(text, encoding="utf-8")
    refused(run, ROW, "avro/again.avsc", "subject tests.v1.Row")
    (small.root / "avro" / "again.avsc").unlink()
    write_topic(small, "shop.more.v1", ("FULL_TRANSITIVE", "BACKWARD"))
    names = ("topics/orders.yaml", "topics/shop.more.v1.yaml", f"subject {small.subject}")
    refused(run, *names, "a subject has one level")
    write_topic(small, "shop.more.v1", ("avro/order.avsc", ROW))
    refused(run, *names, "avro/order.avsc", "a subject has one schema")


def test_topics_that_share_a_subject_in_all_are_one_subject(run: Run, small: SmallContracts) -> None:
    """Two topics with the same subject, schema and level give one line in a plan."""
    write_topic(small, "shop.more.v1")
    code, said = run("plan", "--offline")
    assert code == 0
    assert said.count(f"subject {small.subject}") == 1
