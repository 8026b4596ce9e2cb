"""On every kind of change that other tools have a verdict on, codegen has the one that stands here."""

import json
from typing import Final

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro.compat import Version, verdict
from codegen.errors import ContractError
from codegen.proto import compat
from codegen.proto.compiler import descriptors_of, prepare
from tests_support.contracts import peer_changes_avro, peer_changes_proto
from tests_support.contracts.peer_changes_avro import READERS_OF, in_every_place

LEVELS: Final = ("BACKWARD", "FORWARD", "FULL")


def _taken(history: tuple[str, ...], new: str, level: str) -> bool:
    try:
        versions = [Version(f"v{i}", avro_parse.parse(f"v{i}", text)) for i, text in enumerate((*history, new), 1)]
    except ContractError:
        return False
    return not verdict(versions[:-1], versions[-1], level)


@pytest.mark.parametrize("change", peer_changes_avro.CHANGES)
def test_a_change_of_an_avro_schema_has_the_stated_verdict(change: str) -> None:
    """BACKWARD asks whether the new one reads the old one, FORWARD the other way, FULL both: as it is stated."""
    row = peer_changes_avro.CHANGES[change]
    asked = {level: _taken((row.old,), row.new, level) for level in LEVELS}
    assert asked == {
        "BACKWARD": row.new_reads_old,
        "FORWARD": row.old_reads_new,
        "FULL": row.new_reads_old and row.old_reads_new,
    }


@pytest.mark.parametrize("leap", peer_changes_avro.LEAPS)
def test_a_level_looks_at_the_versions_that_it_names(leap: str) -> None:
    """The plain levels ask about the newest version, the transitive ones about all, NONE about nothing."""
    row = peer_changes_avro.LEAPS[leap]
    levels = ["NONE", *LEVELS, *(f"{level}_TRANSITIVE" for level in LEVELS)]
    assert {level for level in levels if not _taken(row.history, row.new, level)} == row.refused_under


@pytest.mark.parametrize("written", READERS_OF)
def test_a_primitive_is_read_as_the_wider_ones_in_every_place(written: str) -> None:
    """A number is read as a wider one, bytes as text and back, nothing else: alone, in arrays, maps, fields, unions."""
    readable = {
        (place, read)
        for read in READERS_OF
        for place, (_, reader) in in_every_place(read).items()
        if place in in_every_place(written)
        and _taken((json.dumps(in_every_place(written)[place][0]),), json.dumps(reader), "BACKWARD")
    }
    assert readable == {(place, read) for read in READERS_OF[written] for place in in_every_place(written)}


@pytest.fixture(scope="module")
def compiled() -> None:
    """Compile all Protobuf files in few runs; they are asked for one by one."""
    every = [peer_changes_proto.sides(change) for change in peer_changes_proto.CHANGES]
    prepare((texts, file) for file, *both in every for texts in both)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("change", peer_changes_proto.CHANGES)
def test_a_change_of_a_protobuf_file_has_the_stated_verdict(change: str) -> None:
    """What may come has no finding, and what may not has one."""
    file, before, after = peer_changes_proto.sides(change)
    found = compat.findings(file, "v1", descriptors_of(before, file), "v2", descriptors_of(after, file))
    assert (not found) == peer_changes_proto.CHANGES[change].taken, [each.sentence for each in found]


def test_where_others_answer_otherwise_is_counted() -> None:
    """We are stricter where peers are, said row by row; laxer than buf's FILE alone, which asks about code as well."""
    avro = list(peer_changes_avro.CHANGES.values())
    proto = list(peer_changes_proto.CHANGES.values())
    stricter = [row for row in proto if row.otherwise and not row.taken]
    laxer = [row for row in proto if row.otherwise and row.taken]
    assert (len(avro), len([row for row in avro if row.otherwise])) == (85, 11)
    assert not [row for row in avro if row.otherwise and row.new_reads_old and row.old_reads_new]
    assert (len(proto), len(stricter), len(laxer)) == (123, 57, 20)
    assert not [row for row in laxer if "buf FILE" not in row.otherwise]
