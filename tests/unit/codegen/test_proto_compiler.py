"""protoc is asked once for many files, never twice for the same, and its words are told with file and line."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from codegen import cache
from codegen.errors import ContractError
from codegen.proto import compiler

HEAD = 'syntax = "proto3";\npackage x.v1;\n'
A = f"{HEAD}message A {{\n  // Said.\n  int32 a = 1;\n}}\n"
A_OTHERWISE = f"{HEAD}message A {{\n  string a = 1;\n}}\n"
B = f'{HEAD}import "x/a.proto";\nmessage B {{\n  A a = 1;\n}}\n'
NAMING_STYLE = "option features.enforce_naming_style = STYLE_LEGACY;"
BROKEN = f"{HEAD}message C {{\n  Nothing c = 1;\n}}\n"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Sequence[str]]:
    """Count the runs of protoc from here on, with an empty cache."""
    monkeypatch.setenv("TALLY_CACHE_DIR", str(tmp_path / "cache"))
    compiler._answer.cache_clear()
    made: list[Sequence[str]] = []
    real = compiler.run_protoc

    def counted(arguments: Sequence[str]) -> str | None:
        made.append(arguments)
        return real(arguments)

    monkeypatch.setattr(compiler, "run_protoc", counted)
    return made


def test_what_is_prepared_takes_one_run_and_says_what_a_run_of_its_own_says(runs: list[Sequence[str]]) -> None:
    """Files that are compiled together have the descriptors that each has alone, in one run of protoc."""
    asked = [({"x/a.proto": A}, "x/a.proto"), ({"x/a.proto": A, "x/b.proto": B}, "x/b.proto")]
    compiler.prepare(asked)
    together = [compiler.descriptors_of(*each) for each in asked]
    assert len(runs) == 1
    for each, found in zip(asked, together, strict=True):
        [alone] = [f for f in compiler._compiled([each[1]], each[0]).file if f.name == each[1]]
        assert next(f for f in found.file if f.name == each[1]) == alone


def test_versions_of_a_file_are_not_mixed(runs: list[Sequence[str]]) -> None:
    """A path with two texts takes two runs, and each version is itself."""
    compiler.prepare([({"x/a.proto": text}, "x/a.proto") for text in (A, A_OTHERWISE)])
    assert len(runs) == 2
    kinds = [compiler.descriptors_of({"x/a.proto": text}, "x/a.proto").file[0] for text in (A, A_OTHERWISE)]
    assert [file.message_type[0].field[0].type for file in kinds] == [5, 9]


def test_one_broken_file_spoils_no_other(runs: list[Sequence[str]]) -> None:
    """Beside a file that does not compile the others are prepared; it is told when it is asked for."""
    broken = ({"x/c.proto": BROKEN}, "x/c.proto")
    compiler.prepare([({"x/a.proto": A}, "x/a.proto"), broken])
    count = len(runs)
    assert compiler.descriptors_of({"x/a.proto": A}, "x/a.proto").file
    assert len(runs) == count
    with pytest.raises(ContractError, match=r"proto/x/c\.proto: line 4"):
        compiler.descriptors_of(*broken)


def test_another_process_asks_nothing_again(runs: list[Sequence[str]]) -> None:
    """What was compiled is found by its content; a damaged entry is made again."""
    first = compiler.descriptors_of({"x/a.proto": A}, "x/a.proto")
    compiler._answer.cache_clear()
    assert compiler.descriptors_of({"x/a.proto": A}, "x/a.proto") == first
    assert len(runs) == 1
    for entry in cache._folder().iterdir():
        entry.write_bytes(entry.read_bytes()[:-1])
    compiler._answer.cache_clear()
    assert compiler.descriptors_of({"x/a.proto": A}, "x/a.proto") == first
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("package x;\nmessage A { int32 a = 1; }\n", ["line 2", 'Expected "required"', "no line such as syntax"]),
        (BROKEN, ["line 4", '"Nothing" is not defined']),
        (f'{HEAD}import "google/protobuf/empty.proto";\nmessage C {{ Nothing c = 1; }}\n', ["line 4", "not defined"]),
    ],
)
def test_what_protoc_refuses_is_told_with_file_and_line(text: str, words: list[str]) -> None:
    """protoc's first error is told with its place, without its warnings and its log."""
    with pytest.raises(ContractError) as refused:
        compiler.descriptors_of_all({"x.proto": text})
    assert str(refused.value).startswith("proto/x.proto: ")
    assert all(word in str(refused.value) for word in words)
    assert not any(word in str(refused.value) for word in ("WARNING", "absl", "parser.cc"))


def test_the_cache_stays_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beyond its limit the oldest entries go, and the newest stay."""
    monkeypatch.setenv("TALLY_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "BYTES_MAX", 200)
    for i in range(8):
        cache.put(f"{i}", bytes(range(40)))
        (cache._folder() / f"{i}").touch()
    cache.trim()
    assert sum(entry.stat().st_size for entry in cache._folder().iterdir()) <= 100
    assert cache.get("7") == bytes(range(40))
    assert cache.get("0") is None


@pytest.mark.parametrize(("text", "kept"), [(A, False), (f'edition = "2024";\n{NAMING_STYLE}\n', True)])
def test_options_of_the_source_alone_are_kept_where_code_needs_them(
    runs: list[Sequence[str]], text: str, kept: bool
) -> None:
    """Elsewhere they are left out, so that the fingerprints in a lock stay what they were."""
    compiler.descriptors_of_all({"x.proto": text})
    assert ("--retain_options" in runs[0]) == kept
