"""What was edited behind the contracts is drift, and ends with exit code 4; offline."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests_support.contracts.publishing_world import OLD_FIELD, TEXT, World
from tests_support.contracts.small_contracts import Run, SmallContracts


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("subjects", "shop.orders.v1-value", "mode"), "NONE", "subjects.shop.orders.v1-value"),
        (("subjects", "shop.orders.v1-value", "fingerprint"), "00", "subjects.shop.orders.v1-value"),
        (("subjects", "shop.orders.v1-value", "versions"), [], "subjects.shop.orders.v1-value"),
        (("tools", "protobuf"), "1.0", "tools"),
        (("tree",), "00", "tree"),
        (("registries",), {"local": {"s": {"version": 1, "id": 7}}}, "registries.local.s"),
        (("tree",), 7, "$.tree"),
        (("more",), 7, "more"),
    ],
)
def test_a_lock_that_was_edited_by_hand_exits_4_with_the_field_and_the_cure(
    run: Run, small: SmallContracts, place: tuple[str, ...], value: object, named: str
) -> None:
    """A lock edited by hand ends check and generate with code 4, the field and the command that restores it."""
    tree = json.loads(small.lock.read_text())
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    small.lock.write_text(json.dumps(tree))
    for command in ("check", "generate"):
        code, said = run(command)
        assert code == 4
        assert "contracts.lock was edited by hand" in said
        assert named in said
        assert "git checkout" in said


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text(path.read_text().replace("long", "int"))])
def test_history_that_is_missing_or_edited_exits_4(
    run: Run, small: SmallContracts, damage: Callable[[Path], object]
) -> None:
    """A locked version that is missing or edited ends check with code 4, its file and the way to restore it."""
    damage(small.root / "history" / small.subject / "v1.avsc")
    code, said = run("check")
    assert code == 4
    assert "v1.avsc" in said
    assert "git checkout" in said


def test_a_version_that_somebody_registered_after_ours_is_drift() -> None:
    """A version that others registered after ours is reported as drift."""
    world = World()
    world.publish()
    world.registry.subjects["s-value"].append(TEXT.replace("[]", f"[{OLD_FIELD}]"))
    (line, _) = world.plan().changes
    assert (line.kind, line.sentence) == ("DRIFT", "Avro R, FULL: is version 1, but somebody registered 2 after it")
