"""The lock and the history: edits by hand are named with the cure, and plans need no registry."""

import subprocess

import pytest

from tests_support.contracts.small_contracts import COUNT, ID, Run, SmallContracts


def test_a_lock_that_is_missing_or_old_exits_4_with_the_field_and_the_cure(run: Run, small: SmallContracts) -> None:
    """A missing or outdated lock ends check with code 4, the field and the command that renews it."""
    small.set_fields(ID, COUNT, {"name": "note", "type": "string", "default": ""})
    code, said = run("check")
    assert code == 4
    assert "contracts.lock: subjects.shop.orders.v1-value.fingerprint is" in said
    assert "run: codegen generate" in said
    small.lock.unlink()
    code, said = run("check")
    assert code == 4
    assert "contracts.lock is missing; run: codegen generate" in said


def test_comments_and_docs_are_a_change_of_docs(run: Run, small: SmallContracts) -> None:
    """A change of comments or docs alone is planned as DOCS, for Avro and Protobuf."""
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("message Order", "// An order.\nmessage Order"))
    small.set_fields({**ID, "doc": "Which."}, COUNT)
    code, said = run("plan", "--offline")
    assert code == 2
    assert f"DOCS    subject {small.subject}" in said
    assert f"DOCS    subject {small.proto}" in said


def test_other_words_are_another_version_as_in_a_registry(run: Run, small: SmallContracts) -> None:
    """`lock` records a change of docs or comments as a version, once; then the plan has nothing to do."""
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("message Order", "// An order.\nmessage Order"))
    small.set_fields({**ID, "doc": "Which."}, COUNT)
    assert run("generate")[0] == 0
    code, said = run("lock")
    assert code == 0
    assert said.endswith("2 versions added\n")
    for command, words in ((("lock",), "nothing to add"), (("plan", "--offline"), "NOOP"), (("check",), "match")):
        code, said = run(*command)
        assert code == 0, said
        assert words in said
        assert "DOCS" not in said


def test_blanks_that_publishing_puts_into_empty_comments_are_no_change(run: Run, small: SmallContracts) -> None:
    """A version whose comments have lines without words, as older histories have them, is the same as now."""
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("message Order", "// An order.\n//\n// Of a shop.\nmessage Order"))
    (version,) = (small.root / "history" / small.proto).iterdir()
    version.write_text(path.read_text())
    code, said = run("plan", "--offline")
    assert code == 0, said


def test_contracts_are_compared_with_a_git_revision(run: Run, small: SmallContracts) -> None:
    """`plan --against git:REVISION` compares with that revision's contracts and refuses an unknown one."""
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
    """Options that exclude each other, or lack another one, end with exit code 64 and say which."""
    code, said = run(*arguments)
    assert code == 64
    assert words in said


def test_a_registry_of_no_name_is_told_with_the_names_there_are(run: Run, small: SmallContracts) -> None:
    """An unknown registry's name is refused with the known ones, and a broken list of them by file."""
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
