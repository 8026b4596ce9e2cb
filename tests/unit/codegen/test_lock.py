"""The lock and the history: edits by hand are named with the cure, and plans need no registry."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.__main__ import main
from tests_support.small_contracts import SmallContracts

Run = Callable[..., tuple[int, str]]
ID = {"name": "id", "type": "string"}
COUNT = {"name": "count", "type": "long"}


@pytest.fixture
def small(tmp_path: Path) -> SmallContracts:
    """Return contracts in ./contracts of the folder that ``run`` runs in."""
    return SmallContracts(tmp_path / "contracts", "shop")


@pytest.fixture
def run(
    small: SmallContracts, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Return a function that runs the command and returns (exit code, all output); contracts are locked as v1."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["codegen", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out + err

    assert small.root.is_dir()
    assert run("generate")[0] == 0
    assert run("lock")[0] == 0
    return run


def _lock(small: SmallContracts) -> Path:
    return small.root / "contracts.lock"


def test_acceptance_7_generating_and_locking_again_changes_nothing(run: Run, small: SmallContracts) -> None:
    before = _lock(small).read_bytes()
    assert run("generate")[1].endswith("none changed\n")
    assert run("lock") == (0, "nothing to add\n")
    assert run("check")[0] == 0
    assert run("plan", "--offline")[0] == 0
    assert _lock(small).read_bytes() == before
    assert (small.root / "history" / small.subject / "v1.avsc").is_file()
    assert (small.root / "history" / small.proto / "v1.proto").is_file()


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
def test_acceptance_6_a_lock_that_was_edited_by_hand_exits_4_with_the_field_and_the_cure(
    run: Run, small: SmallContracts, place: tuple[str, ...], value: object, named: str
) -> None:
    tree = json.loads(_lock(small).read_text())
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    _lock(small).write_text(json.dumps(tree))
    for command in ("check", "generate"):
        code, said = run(command)
        assert code == 4
        assert "contracts.lock was edited by hand" in said
        assert named in said
        assert "git checkout" in said


def test_a_lock_that_is_missing_or_old_exits_4_with_the_field_and_the_cure(run: Run, small: SmallContracts) -> None:
    small.set_fields(ID, COUNT, {"name": "note", "type": "string", "default": ""})
    code, said = run("check")
    assert code == 4
    assert "contracts.lock: subjects.shop.orders.v1-value.fingerprint is" in said
    assert "run: codegen generate" in said
    _lock(small).unlink()
    code, said = run("check")
    assert code == 4
    assert "contracts.lock is missing; run: codegen generate" in said


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text(path.read_text().replace("long", "int"))])
def test_acceptance_6_history_that_is_missing_or_edited_exits_4(
    run: Run, small: SmallContracts, damage: Callable[[Path], object]
) -> None:
    damage(small.root / "history" / small.subject / "v1.avsc")
    code, said = run("check")
    assert code == 4
    assert "v1.avsc" in said
    assert "git checkout" in said


def test_acceptance_2_a_breaking_change_is_told_offline_in_a_sentence_with_exit_3(
    run: Run, small: SmallContracts
) -> None:
    small.set_fields(ID, {"name": "trace_id", "type": "string"})
    assert run("generate")[0] == 0
    code, said = run("plan", "--offline")
    assert code == 3
    assert "        - consumers on v2 cannot read v1: `trace_id` has no default\n" in said
    assert "        - consumers on v1 cannot read v2: `count` has no default\n" in said
    code, said = run("plan", "--offline", "--json")
    assert code == 3
    changes = {change["name"]: change for change in json.loads(said)["changes"]}
    assert changes[f"subject {small.subject}"]["kind"] == "UPDATE"
    assert len(changes[f"subject {small.subject}"]["objections"]) == 2
    assert run("lock")[0] == 3


def test_acceptance_2_transitive_levels_look_at_all_of_the_history_offline(run: Run, small: SmallContracts) -> None:
    small.set_fields(ID, COUNT, {"name": "note", "type": "string", "default": ""})
    assert run("generate")[0] == 0
    assert run("plan", "--offline")[0] == 2
    assert run("lock")[0] == 0
    assert (small.root / "history" / small.subject / "v2.avsc").is_file()
    small.set_fields(ID, COUNT, {"name": "note", "type": "string"})
    code, said = run("plan", "--offline")
    assert code == 3
    assert "consumers on v3 cannot read v1: `note` has no default" in said
    assert "read v2" not in said


def test_acceptance_1_a_protobuf_field_that_goes_without_reservation_is_told_offline(
    run: Run, small: SmallContracts
) -> None:
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("  string id = 1;\n", ""))
    code, said = run("plan", "--offline")
    assert code == 3
    assert "the field `id` (number 1) of shop.v1.Order is gone" in said


def test_comments_and_docs_are_a_change_of_docs(run: Run, small: SmallContracts) -> None:
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("message Order", "// An order.\nmessage Order"))
    small.set_fields({**ID, "doc": "Which."}, COUNT)
    code, said = run("plan", "--offline")
    assert code == 2
    assert f"DOCS    subject {small.subject}" in said
    assert f"DOCS    subject {small.proto}" in said


def test_contracts_are_compared_with_a_git_revision(run: Run, small: SmallContracts) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(small.root.parent)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    assert run("plan", "--offline", "--against", "git:HEAD")[0] == 0
    small.set_fields(ID)
    code, said = run("plan", "--offline", "--against", "git:HEAD")
    assert code == 3
    assert "consumers on git:HEAD cannot read this version: `count` has no default" in said
    code, said = run("plan", "--offline", "--against", "git:nowhere")
    assert code == 1
    assert "nowhere" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan",), "give either --registry or --offline"),
        (("plan", "--offline", "--registry", "x"), "give either --registry or --offline"),
        (("plan", "--offline", "--out", "x"), "need --registry"),
        (("publish",), "give either a PLAN"),
        (("publish", "p", "--registry", "x"), "give either a PLAN"),
        (("publish", "p", "--allow-breaking", "s"), "say why"),
    ],
)
def test_a_command_line_that_makes_no_sense_exits_64(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, said = run(*arguments)
    assert code == 64
    assert words in said


def test_a_registry_of_no_name_is_told_with_the_names_there_are(run: Run, small: SmallContracts) -> None:
    (small.root / "registries.yaml").write_text("test:\n  url: http://127.0.0.1:1\n")
    code, said = run("plan", "--registry", "live")
    assert code == 1
    assert "--registry is 'live'; allowed is an http:// or https:// address, or a name in" in said
    assert "(test)" in said
    code, said = run("plan", "--registry", "test", "--timeout-s", "0")
    assert code == 5
    assert "Connection refused" in said
    (small.root / "registries.yaml").write_text("test:\n  uri: http://127.0.0.1:1\n")
    assert "registries.yaml: test: must have url" in run("plan", "--registry", "test")[1]
