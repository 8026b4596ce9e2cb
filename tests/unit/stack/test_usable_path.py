"""Which data folders are refused, before anything is made in them."""

import os
from pathlib import Path

import pytest

from stack import Components, Ports, Stack, StackError
from stack.fetch import java
from stack.parts.usable_path import require_usable, text_of


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a,b", "',' in it, and Kafka takes it for two folders"),
        ("a;b", "';' in it, and the registry's database"),
        ("a\\b", "in it, and the registry's database takes it for a slash"),
        ("a${b}", "in it, and the registry takes what follows for a variable"),
        ("a\nb", "cannot be printed"),
        ("a\x1b[2J", "cannot be printed"),
        (os.fsdecode(b"a\xff"), "not UTF-8"),
        ("/".join(["x" * 200] * 25), "bytes, and [0-9]+ are possible"),
    ],
)
def test_a_folder_that_a_part_would_look_for_elsewhere_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    """A data folder that a part would take for another one ends the start with one printable line, and none is made."""
    with pytest.raises(StackError, match=reason) as caught:
        Stack(tmp_path / name, Ports()).up(("kafka",))
    assert str(caught.value).startswith("TALLY_DATA_DIR is ")
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Zähler ü", "日本 🎉", "it's 50% \"#$&{}=:~!", "/".join(["x" * 200] * 10)])
def test_any_other_folder_is_taken(tmp_path: Path, name: str) -> None:
    """Letters of any language, blanks, quotes, percent and long paths are no reason to refuse."""
    require_usable(tmp_path / name)
    assert text_of(tmp_path / name) == f"{tmp_path}/{name}"


def test_java_sees_nothing_of_the_environment_but_what_a_system_needs() -> None:
    """No variable of the caller gives Kafka or the registry options, settings or code, and file names are UTF-8."""
    options = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "KAFKA_OPTS", "KAFKA_HEAP_OPTS")
    others = ("LOG4J_CONFIGURATION_FILE", "QUARKUS_HTTP_HOST", "APICURIO_STORAGE_KIND", "LD_PRELOAD", "LANG", "LC_ALL")
    environment = dict.fromkeys((*options, *others), "x") | {"PATH": "/bin", "HOME": "/home"}
    assert java.clean_environment(environment) == {"PATH": "/bin", "HOME": "/home", "LC_ALL": "C.UTF-8"}


def test_a_cache_folder_that_java_would_split_is_refused(tmp_path: Path) -> None:
    """A colon in TALLY_CACHE_DIR would make two entries of Java's list of archives."""
    with pytest.raises(StackError, match=r"TALLY_CACHE_DIR is .* ':' in it"):
        Components(cache=tmp_path / "a:b").fetch(("kafka",), print)
