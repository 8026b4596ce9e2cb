"""Each change that registries judge too mildly has our verdict, in a sentence. See docs/VERDICTS.md."""

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro.compat import Version, verdict
from codegen.proto.compat import findings
from codegen.proto.compiler import descriptors_of
from tests_support.contracts import proto_changes
from tests_support.contracts.avro_changes import CHANGES
from tests_support.contracts.small_contracts import Run, SmallContracts


def _version(name: str, text: str) -> Version:
    return Version(name, avro_parse.parse(f"{name}.avsc", text))


def _sentences(old: str, new: str, level: str = "FULL") -> list[str]:
    return [finding.sentence for finding in verdict([_version("v1", old)], _version("v2", new), level)]


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_that_registries_are_too_lax_on_has_our_verdict_and_sentence(change: str) -> None:
    """Each Avro change that registries judge too mildly gets our verdict, in the recorded sentences."""
    old, new, sentences = CHANGES[change]
    assert _sentences(old, new) == sentences


@pytest.mark.parametrize("change", proto_changes.CHANGES)
def test_each_change_of_protobuf_has_our_verdict_and_sentence(change: str) -> None:
    """Each Protobuf change that breaks readers is reported by what broke, and a harmless one not at all."""
    before, after, words = proto_changes.CHANGES[change]
    new = proto_changes.OLD.replace(before, after, 1)
    assert new != proto_changes.OLD
    if change == "an enum gone":
        new = new.replace("Colour colour", "Paint colour")
    old_set, new_set = (
        descriptors_of({proto_changes.FILE: proto_changes.OLD}, proto_changes.FILE),
        descriptors_of({proto_changes.FILE: new}, proto_changes.FILE),
    )
    found = findings(proto_changes.FILE, "v1", old_set, "v2", new_set)
    assert bool(found) == bool(words)
    text = "\n".join(finding.sentence for finding in found)
    for word in words:
        assert word in text
    assert all(finding.sentence.startswith("v1 and v2 do not understand each other: ") for finding in found)


def test_a_protobuf_field_that_goes_without_reservation_is_told_offline(run: Run, small: SmallContracts) -> None:
    """An unreserved removal of a Protobuf field ends `plan --offline` with exit code 3 and its number."""
    path = small.root / "proto" / small.proto
    path.write_text(path.read_text().replace("  string id = 1;\n", ""))
    code, said = run("plan", "--offline")
    assert code == 3
    assert "the field `id` (number 1) of shop.v1.Order is gone" in said
