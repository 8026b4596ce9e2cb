"""The sources stay short, and free of what belongs to one machine."""

import re

from tests_support.checkout import python_files, text_of, tracked

LINES_MAX = 400

# Written in pieces, so that this file does not match itself.
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(first + "." + rest)
        for first, rest in [
            ("files", "pythonhosted.org"),
            ("pypi", "org/simple"),
            ("repo1", "maven.org"),
            ("repo", "maven.apache.org"),
            ("registry", "npmjs.org"),
            ("proxy", "golang.org"),
        ]
    )
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+"]) + r")(?:/|\b)"
)


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in tracked()
        if (text := text_of(name)) is not None
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_module_is_longer_than_the_ceiling() -> None:
    """No Python module has more than 400 lines."""
    long = {name: len((text_of(name) or "").splitlines()) for name in python_files()}
    assert {name: count for name, count in long.items() if count > LINES_MAX} == {}, f"more than {LINES_MAX} lines"


def test_no_tracked_file_names_a_package_registry() -> None:
    """No file of the repository names the host of a package registry."""
    assert lines_with(REGISTRY_HOSTS) == []


def test_no_tracked_file_names_a_path_of_somebodys_machine() -> None:
    """No file of the repository names a path that exists on one machine only."""
    assert lines_with(MACHINE_PATHS) == []
