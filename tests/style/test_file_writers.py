"""Files are written by one function, tally/base/written_file.py, which replaces nothing but files."""

import re

from tests_support.checkout import python_files, text_of

RENAME = re.compile(r"\bos\.(?:replace|rename)\(|\.rename\(|\.replace\((?:self\.)?_?(?:path|target|file|final)\w*\)")
WRITE = re.compile(r"\.write_(?:text|bytes)\(|NamedTemporaryFile|mkstemp")

RENAMES = {
    "tally/base/written_file.py": "the function itself",
    "tally/ledger/storage/disk.py": "the ledger's own disk, a port that tests replace",
    "tally/ledger/storage/ledger.py": "through that port",
    "tally/ledger/storage/opening.py": "through that port",
    "tally/ledger/repair.py": "through that port",
    "consumer/shell/jobs/store.py": "a name of its own making, and it must appear under the lock that deleting takes",
    "tally/cli/loading/load_memory.py": "puts a broken file aside",
    "demo/dataset.py": "a folder of the cache",
    "stack/fetch/aot.py": "a file of the cache",
    "stack/bootstrap/tools.py": "a folder of the cache, before there is an environment to import from",
    "stack/fetch/downloads.py": "a file or a folder of the cache",
    "stack/fetch/go_programs.py": "a file or a folder of the cache",
    "stack/fetch/pinned_wheel.py": "a folder of the cache",
    "stack/parts/kafka.py": "Kafka's folder, made beside it",
}
WRITES = {
    "benchmarks/codec.py": "contracts in a folder of its own",
    "demo/journey.py": "a file in the demo's own folder",
    "codegen/plan/locked.py": "a temporary folder",
    "codegen/proto/compat.py": "a temporary folder",
    "codegen/proto/lint.py": "a temporary folder",
    "codegen/proto/compiler.py": "a temporary folder",
    "codegen/proto/stubs.py": "a temporary folder",
    "loadtests/external/crosscheck.py": "a file in the run's own folder, for ghz",
    "stack/bootstrap/environment.py": "its own mark, before there is an environment to import from",
}
OURS = (
    "benchmarks/",
    "demo/",
    "codegen/",
    "tally/",
    "consumer/",
    "loadtests/",
    "observability/",
    "oracle/",
    "producer/",
    "stack/",
)


def modules_with(pattern: re.Pattern[str]) -> set[str]:
    names = [name for name in python_files() if name.startswith(OURS)]
    return {name for name in names if pattern.search(text_of(name) or "")}


def test_nothing_is_renamed_over_another_but_where_the_reason_is_told() -> None:
    """No module renames a file over another one, save those listed with their reason."""
    assert modules_with(RENAME) == set(RENAMES)


def test_no_file_is_written_in_place_but_where_the_reason_is_told() -> None:
    """No module writes a file in place, save those listed with their reason."""
    assert modules_with(WRITE) == set(WRITES)
