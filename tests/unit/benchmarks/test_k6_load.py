"""The k6 script beside our own generator: how many pairs, and how sure their median is."""

import random

from benchmarks import k6_load


def test_pairs_may_be_chosen() -> None:
    """A full run has seven pairs, enough for an interval; any other number may be asked for."""
    assert k6_load.of(quick=False, pairs=None).pairs == 7
    assert k6_load.of(quick=True, pairs=9).pairs == 9


def test_an_interval_of_seven_values_is_from_the_smallest_to_the_largest() -> None:
    """Seven throws of a coin show both sides with 98.4 %; with one value less at each end it is not enough."""
    assert k6_load.interval([3, 1, 2, 7, 5, 4, 6]) == "median 4.00, 95 % interval 1.00 to 7.00, 7 pairs"


def test_few_values_have_no_interval() -> None:
    """Five values get a median and the remark that six are needed for an interval of 95 %."""
    assert k6_load.interval([1, 2, 3, 4, 5]).startswith("median 3.00 of 5; an interval of 95 % takes 6")


def test_the_interval_has_the_true_median_as_often_as_it_says() -> None:
    """The intervals of many samples enclose the true median in at least 92.5 % of the cases."""
    seed = random.randrange(10**6)
    print("seed", seed)
    rng = random.Random(seed)
    held = 0
    for _ in range(2_000):
        text = k6_load.interval([rng.gauss(1, 0.1) for _ in range(20)])
        low, high = (float(part) for part in text.split("interval ")[1].split(",")[0].split(" to "))
        held += low <= 1 <= high
    assert held >= 1_850
