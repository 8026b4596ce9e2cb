"""The settings that a topic's file may have are those of the Kafka that runs here."""

import html
import re
import subprocess

import pytest

from codegen.topics.settings import SETTINGS, Fraction, Replicas, Setting, Whole, Words
from stack.fetch import downloads, java, locks
from tally.base.cache_folder import cache_folder

pytestmark = pytest.mark.broker


def test_names_types_and_bounds_of_settings_are_kafkas() -> None:
    """The table has every setting for topics that Kafka documents, with its type and its bounds, and no other."""
    jars = downloads.fetch(cache_folder(), locks.read(locks.KAFKA_LOCK), downloads.from_maven_central, print)
    program = "org.apache.kafka.storage.internals.log.LogConfig"  # prints the page of Kafka's own documentation
    command = [str(java.home("bundled") / "bin" / "java"), "-cp", ":".join(map(str, jars)), program]
    page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    theirs = {}
    for name, table in re.findall(r'<a id="([^"]+)"></a>.*?<table>(.*?)</table>', page, re.DOTALL):
        rows = {key: html.unescape(value) for key, value in re.findall(r"<th>(.*?):</th><td>(.*?)</td>", table)}
        theirs[name] = (rows["Type"], rows["Valid Values"])
    assert {name: documented(setting) for name, setting in SETTINGS.items()} == theirs


def documented(setting: Setting) -> tuple[str, str]:
    """Return type and bounds in Kafka's words."""
    match setting:
        case Whole(bits, least, most, besides):
            bounds = "" if least is None else f"[{least},...{'' if most is None else f',{most}'}]"
            return "int" if bits == 32 else "long", bounds + ("" if besides is None else f" or {besides}")
        case Fraction():
            return "double", "[0,...,1]"
        case Words(("true", "false")):
            return "boolean", ""
        case Words(words, many):
            return "list" if many else "string", f"[{', '.join(words)}]"
        case Replicas():
            return "list", "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
