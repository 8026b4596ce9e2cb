"""The source-id rule and the memory of loads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.cli.loading.load_memory import Agreed, Doubt, Loaded, LoadMemory, choose_source_id

NOW = Loaded("hash2", "hash2", "a", "b")
LOADS = st.builds(Loaded, *[st.sampled_from(["x", "y"])] * 4)


def test_a_path_that_was_never_loaded_has_its_content_s_hash_as_source_id():
    """A file that was never loaded gets the hash of its content as source id."""
    assert choose_source_id(None, NOW, None) == Agreed("hash2")


def test_the_same_content_again_has_the_same_source_id():
    """A known path with unchanged content keeps its source id, so that its rows are duplicates."""
    assert choose_source_id(None, NOW, NOW) == Agreed("hash2")


def test_other_content_under_a_known_path_stops_with_the_two_ways_on():
    """Changed content under a known path is not decided for the user, who is offered both source ids."""
    choice = choose_source_id(None, NOW, Loaded("hash1", "hash1", "a", "b"))
    assert isinstance(choice, Doubt)
    assert "other content" in choice.reason
    assert ["--source-id hash1" in choice.ways[0], "--source-id hash2" in choice.ways[1]] == [True, True]


def test_other_columns_of_a_known_file_stop_because_they_would_share_their_ids():
    """Loading other columns of a known file stops, since their rows would have the same ids."""
    choice = choose_source_id(None, NOW, Loaded("hash2", "hash2", "a", "c"))
    assert isinstance(choice, Doubt)
    assert "--a a --b c" in choice.ways[0]


def test_a_file_loaded_under_a_name_stops_when_the_name_is_forgotten():
    """A file once loaded under a source id of the user's is not loaded under its hash without asking."""
    choice = choose_source_id(None, NOW, Loaded("invoices", "hash2", "a", "b"))
    assert isinstance(choice, Doubt)
    assert "--source-id invoices" in choice.ways[0]


@given(LOADS, st.none() | LOADS, st.none() | st.text(min_size=1))
def test_ids_that_differ_from_the_earlier_ones_are_used_only_when_somebody_says_so(now, before, given_id):
    """Without a given source id, a known path is either loaded as before or not at all."""
    now = Loaded(now.content_sha256, now.content_sha256, now.column_a, now.column_b)
    choice = choose_source_id(given_id, now, before)
    if given_id is not None:
        assert choice == Agreed(given_id)
    elif before is not None and isinstance(choice, Agreed):
        assert (choice.source_id, now) == (before.source_id, before)


def test_what_was_loaded_is_remembered_by_service_and_path(tmp_path: Path):
    """A load is recalled for the same service and path by a later process, and for no other."""
    memory = LoadMemory(tmp_path / "client" / "loads.json")
    file = tmp_path / "data.csv"
    assert memory.recall("here:1", file) is None
    memory.remember("here:1", file, NOW)
    assert LoadMemory(tmp_path / "client" / "loads.json").recall("here:1", file) == NOW
    assert memory.recall("there:1", file) is None
    assert memory.recall("here:1", tmp_path / "other.csv") is None
    assert [path.name for path in (tmp_path / "client").iterdir()] == ["loads.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"here:1 FILE": {"source_id": 1}}', '{"here:1 FILE": 3}'])
def test_a_broken_memory_counts_as_empty_and_is_replaced(tmp_path: Path, content: str):
    """A memory file of any wrong content counts as empty and is replaced by the next load."""
    path, file = tmp_path / "loads.json", tmp_path / "data.csv"
    path.write_text(content.replace("FILE", str(file)))
    memory = LoadMemory(path)
    assert memory.recall("here:1", file) is None
    memory.remember("here:1", file, NOW)
    assert memory.recall("here:1", file) == NOW
