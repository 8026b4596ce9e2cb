"""`just bench codegen` compares the codec with fastavro; time is not asserted here."""

from benchmarks.codec import codec


def test_the_bench_measures_decode_encode_and_columns_beside_fastavro_in_one_run() -> None:
    """The bench itself asserts that both sides read and write the same before it measures."""
    found = {one.name: one for one in codec(quick=True)}
    targets = {name: one.target.ratio for name, one in found.items()}
    assert targets == {"codegen: decode": 1.5, "codegen: encode": 1.5, "codegen: columns": 10.0}
    for one in found.values():
        assert one.ratio > 0
        assert len(one.subject_samples) == len(one.limit_samples)
