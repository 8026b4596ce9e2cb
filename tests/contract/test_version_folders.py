"""Versions of one contract in files: the highest number is the contract, and the others are its history."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from codegen import tree
from codegen.plan import lock as locks
from codegen.plan.wanted import wanted as wanted_of
from tests_support.contracts.publishing_world import World
from tests_support.contracts.small_contracts import Run, SmallContracts

SUBJECT = "tests.v1.Command"
KINDS = {1: "int", 2: "long", 3: "long", 4: "string", 9: "float", 10: "double"}
"""The type of the field x in each version: the fourth breaks those before it."""


def write(small: SmallContracts, number: int, path: str = "avro/command/v{}/Command.avsc") -> Path:
    """Write a version: the field x, and one with a default for each version after the first."""
    fields: list[dict[str, object]] = [{"name": "x", "type": KINDS[number]}]
    fields += [{"name": f"f{i}", "type": "int", "default": 0} for i in range(2, number + 1)]
    file = small.root / path.format(number)
    file.parent.mkdir(parents=True, exist_ok=True)
    schema = {"type": "record", "name": "Command", "namespace": "tests.v1", "fields": fields}
    file.write_text(f"// Of version {number}.\n{json.dumps(schema)}", encoding="utf-8")
    return file


def said(run: Run, code: int, *arguments: str) -> str:
    done, told = run(*arguments)
    assert done == code, told
    return told


@pytest.mark.parametrize("numbers", [(1, 2, 3), (2, 9, 10)])
def test_folders_called_by_numbers_hold_the_versions_of_one_record(
    run: Run, small: SmallContracts, numbers: tuple[int, ...]
) -> None:
    """Each version has a module; the plan is about the highest number, after the others; no text is kept twice."""
    for number in numbers:
        write(small, number)
    first, before, last = numbers
    told = said(run, 2, "plan", "--offline")
    assert f"UPDATE  subject {SUBJECT}: Avro {SUBJECT}, BACKWARD_TRANSITIVE: another version after {before}\n" in told
    said(run, 0, "generate")
    for number in numbers:
        assert Path(f"contracts/generated/avro/command/v{number}/command.py").is_file()
    assert said(run, 0, "lock").endswith("3 versions added\n")
    assert not (small.root / "history" / SUBJECT).exists()
    assert f"is version {last}\n" in said(run, 0, "plan", "--offline")
    said(run, 0, "docs")
    said(run, 0, "check")
    assert f"f{last}" in said(run, 0, "diff", SUBJECT, f"v{first}..v{last}")
    said(run, 0, "generate", "--from", "lock", "--out", "made")
    assert Path(f"made/avro/command/v{last}/command.py").is_file()


def test_a_new_version_is_a_new_file_and_is_compared_with_those_before_it(run: Run, small: SmallContracts) -> None:
    """A file with the next number is an update, judged by the level; its module is a new one, and no file is lost."""
    for number in (1, 2):
        write(small, number)
    for command in ("generate", "lock"):
        said(run, 0, command)
    write(small, 3)
    told = said(run, 2, "plan", "--offline")
    assert f"UPDATE  subject {SUBJECT}: Avro {SUBJECT}, BACKWARD_TRANSITIVE: another version after 2" in told
    assert "RENAME" not in told
    write(small, 4)
    told = said(run, 3, "plan", "--offline")
    for old in (1, 2, 3):
        assert f"consumers on v4 cannot read v{old}: `x` is {KINDS[old]} in v{old} and string in v4" in told
    said(run, 0, "generate")
    said(run, 3, "lock")
    shutil.rmtree(small.root / "avro/command/v4")
    for command in ("generate", "lock"):
        said(run, 0, command)
    lock = locks.load(small.root)
    assert lock is not None
    assert [each.version for each in lock.subjects[SUBJECT].versions] == [1, 2, 3]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_released_version_is_never_edited(run: Run, small: SmallContracts, number: int, change: str) -> None:
    """A version that the lock names and whose file is edited or gone stops plan, check and lock with its name."""
    for each in (1, 2, 3):
        write(small, each)
    for command in ("generate", "lock"):
        said(run, 0, command)
    file = small.root / f"avro/command/v{number}/Command.avsc"
    if change == "edited":
        file.write_text(file.read_text().replace(f'"{KINDS[number]}"', '"string"', 1))
    else:
        file.unlink()
    said(run, 0, "generate")
    for arguments in (("plan", "--offline"), ("check",), ("lock",)):
        told = said(run, 4, *arguments)
        assert f"avro/command/v{number}/Command.avsc" in told
    if change == "edited":
        assert "what was released is never edited: put it back, and give the change a number after v" in told


def test_versions_that_the_history_has_are_the_same_as_those_in_files(run: Run, small: SmallContracts) -> None:
    """A record whose versions were locked before they got folders goes on; a folder that says otherwise is refused."""
    first = write(small, 1, "avro/Command.avsc")
    for command in ("generate", "lock"):
        said(run, 0, command)
    first.unlink()
    write(small, 1)
    write(small, 2)
    (small.root / "retired.yaml").write_text(
        "file avro/Command.avsc: {moved_to: avro/command/v2/Command.avsc}\n", encoding="utf-8"
    )
    for command in ("generate", "lock"):
        said(run, 0, command)
    assert [path.name for path in (small.root / "history" / SUBJECT).iterdir()] == ["v1.avsc"]
    assert "is version 2" in said(run, 0, "plan", "--offline")
    first = small.root / "avro/command/v1/Command.avsc"
    first.write_text(first.read_text().replace('"int"', '"string"', 1))
    told = said(run, 4, "plan", "--offline")
    assert f"avro/command/v1/Command.avsc is not v1 of subject {SUBJECT}, which contracts.lock names" in told


def test_codegen_yaml_names_versions_in_files_of_any_name(run: Run, small: SmallContracts) -> None:
    """`versions` with a * for the number is said by the refusal of two files, and makes them one history."""
    for number in (1, 2, 10):
        write(small, number, "avro/commands/Command-{}.avsc")
    told = said(run, 1, "plan", "--offline")
    assert "avro/commands/Command-1.avsc and to avro/commands/Command-10.avsc" in told
    assert f"say so in codegen.yaml: subjects: {{{SUBJECT}: {{versions: PATH}}}}" in told
    table = f"subjects: {{{SUBJECT}: {{versions: avro/commands/Command-*.avsc, level: NONE}}}}\n"
    (small.root / "codegen.yaml").write_text(table, encoding="utf-8")
    assert "another version after 2" in said(run, 2, "plan", "--offline")
    for arguments in (("generate",), ("lock",), ("plan", "--offline"), ("check",)):
        said(run, 0, *arguments)
    lock = locks.load(small.root)
    assert lock is not None
    assert [each.version for each in lock.subjects[SUBJECT].versions] == [1, 2, 10]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{versions: avro/commands/*/x.avsc}", "no file has a number, such as 1, in place of the *"),
        ("{versions: avro/commands/Command-1.avsc}", "with one * for the number"),
        ("{versions: '../*.avsc'}", "with one * for the number"),
        ("{versions: 'avro/../*.avsc'}", "with one * for the number"),
        ("{versions: proto/*.proto}", "with one * for the number"),
        ("{versions: avro/*.avsc, file: avro/order.avsc}", "stands beside file; give one of them"),
        ("{versions: 3}", "allowed is a text that is not empty"),
    ],
)
def test_versions_that_name_nothing_are_refused(run: Run, small: SmallContracts, entry: str, words: str) -> None:
    """Each wrong `versions` is a finding of lint and plan that names the key and what is allowed."""
    (small.root / "codegen.yaml").write_text(f"subjects: {{x: {entry}}}\n", encoding="utf-8")
    for command in (("lint",), ("plan", "--offline")):
        told = said(run, 1, *command)
        assert "codegen.yaml: subjects.x.versions: " in told
        assert words in told


def test_a_type_in_several_versions_is_that_of_the_newest(run: Run, small: SmallContracts) -> None:
    """A file that uses a type with versions gets the newest, and refers to its subject; one beside it comes first."""
    for number in (2, 10):
        write(small, number)
    user = '{"type": "record", "name": "User%s", "fields": [{"name": "c", "type": "tests.v1.Command"}]}'
    (small.root / "avro/user.avsc").write_text(user % "")
    (small.root / "avro/command/v2/Beside.avsc").write_text(user % "Beside")
    said(run, 0, "generate")
    wanted = {each.subject: each for each in wanted_of(tree.read(small.root)).subjects}
    assert [(each.name, each.subject, each.version) for each in wanted["User"].references] == [(SUBJECT, SUBJECT, None)]
    assert [each[0] for each in wanted["User"].imports] == ["avro/command/v10/Command.avsc"]
    assert [(each.subject, each.version) for each in wanted["UserBeside"].references] == [(SUBJECT, 2)]
    for arguments in (("lock",), ("plan", "--offline"), ("check",)):
        said(run, 0, *arguments)


def test_files_that_topics_or_codegen_yaml_give_subjects_of_their_own_are_no_versions_of_each_other(
    run: Run, small: SmallContracts
) -> None:
    """Two numbered folders under two subjects of codegen.yaml stay two contracts, each with a history of its own."""
    for number in (1, 4):
        write(small, number)
    table = "".join(f"  c{n}: {{file: avro/command/v{n}/Command.avsc}}\n" for n in (1, 4))
    (small.root / "codegen.yaml").write_text(f"subjects:\n{table}", encoding="utf-8")
    told = said(run, 2, "plan", "--offline")
    for number in (1, 4):
        assert f"CREATE  subject c{number}: " in told


def test_versions_of_a_branch_are_compared_with_those_of_another(run: Run, small: SmallContracts) -> None:
    """Against a git revision, the file that a branch adds is compared with every version that is there, once."""
    for number in (1, 2):
        write(small, number)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(small.root.parent)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    against = ("plan", "--offline", "--against", "git:HEAD")
    said(run, 0, *against)
    write(small, 4)
    told = said(run, 3, *against)
    for old in ("v1", "git:HEAD"):
        assert f"consumers on this version cannot read {old}: `x` is" in told
    assert "cannot read v2" not in told


def test_a_registry_gets_the_newest_version_after_it_was_compared_with_those_in_files(
    run: Run, small: SmallContracts
) -> None:
    """A plan for a registry names the files of the versions that the registry does not have and the newest breaks."""
    for number in (1, 2, 4):
        write(small, number)
    world = World()
    wanted = wanted_of(tree.read(small.root))
    changes = {change.name: change for change in world.publisher().survey(wanted).changes}
    assert changes[f"subject {SUBJECT}"].objections == tuple(
        f"consumers on v1 cannot read avro/command/v{n}/Command.avsc: `x` is {KINDS[n]} in "
        f"avro/command/v{n}/Command.avsc and string in v1"
        for n in (1, 2)
    )
