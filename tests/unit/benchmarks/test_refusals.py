"""`just bench refusals` compares the dearest refusals with good answers; time is not asserted here."""

from benchmarks.refusals import beside_good_answers


def test_the_bench_measures_each_refusal_beside_a_good_answer_in_one_run() -> None:
    """The bench names the dearest refusal of each way to ask, and has figures of all of them beside a good answer."""
    found = {one.name: one for one in beside_good_answers(quick=True)}
    assert list(found) == ["refusals: AddBatch of 500", "refusals: Add", "refusals: REST"]
    for one in found.values():
        assert one.ratio > 0
        assert len(one.subject_samples) == len(one.limit_samples)
        assert one.subject == f"the dearest of {len(one.notes)}: {one.subject.partition(': ')[2]}"
