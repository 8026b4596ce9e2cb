"""The verdict: each acknowledged addition is in the ledger once, with its sum, and nothing else of the run is.

Theory of operation. Outcomes and ledger rows are scattered into buckets by the id's last bits, on the disk; then each
pair of buckets is joined in memory. So memory is that of one bucket: a 64th of the run, whatever the run's size.
An UNKNOWN outcome may or may not be in the ledger; it must not be there twice, and not with another sum.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadtests.traffic.outcomes import ENTRY_DTYPE, Digest, Entries, Outcome
from tally.base.uuid_text import uuid_text
from tally.event.decimals import text_of
from tally.event.partitions import mix_column

ROW_DTYPE: Final = np.dtype([("hi", ">u8"), ("lo", ">u8"), ("sum_hi", ">u8"), ("sum_lo", ">u8")])
"""One COUNTED row of a ledger."""

BUCKETS: Final = 64
_CHUNK_ENTRIES: Final = 1 << 16
_EXAMPLES_MAX: Final = 5
_MASK: Final = (1 << 64) - 1

FAULTS: Final = ("lost", "doubled", "wrong_sum", "refused_but_counted", "never_sent")


@dataclass(kw_only=True)
class Verdict:
    """What the join found. The counts in ``FAULTS`` must be 0; ``examples`` has some ids of each that is not."""

    digest: Digest
    counted: int = 0
    counted_sum: str = "0"
    unknown_counted: int = 0
    lost: int = 0
    doubled: int = 0
    wrong_sum: int = 0
    refused_but_counted: int = 0
    never_sent: int = 0
    problems: list[str] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems and all(getattr(self, fault) == 0 for fault in FAULTS)

    def counted_for_others(self, grown: int) -> float:
        """Return how many additions of others the count has while it rose by ``grown``; a negative one is a problem."""
        if grown < self.counted:
            self.problems.append(f"the count rose by {grown}, which is less than the {self.counted} rows of this run")
        return float(grown - self.counted)

    def as_json(self) -> dict[str, Any]:
        """Return it as a summary has it."""
        return {**asdict(self), "holds": self.holds}


@dataclass
class _Sums:
    """Exact sums over the buckets: unscaled, any size."""

    acked: int = 0
    unknown_counted: int = 0
    counted: int = 0
    acked_entries: int = 0
    fingerprint: int = 0


def judge(outcomes: Path, digest: Digest, rows: Iterable[NDArray[np.void]], folder: Path) -> Verdict:
    """Join a run's outcomes with its ledger rows (chunks of ``ROW_DTYPE``); ``folder`` is for the buckets."""
    folder.mkdir(parents=True, exist_ok=True)
    # 1. scatter both sides
    _scatter(_chunks_of(outcomes), folder, "sent")
    _scatter(rows, folder, "rows")
    # 2. join bucket by bucket
    verdict, sums = Verdict(digest=digest), _Sums()
    for number in range(BUCKETS):
        sent = np.fromfile(folder / f"sent-{number}", ENTRY_DTYPE)
        found = np.fromfile(folder / f"rows-{number}", ROW_DTYPE)
        _join(sent, found, verdict, sums)
    verdict.counted_sum = text_of(sums.counted)
    # 3. what the whole must say
    _check_whole(verdict, sums)
    return verdict


def judge_counts(digest: Digest, rows: Iterable[NDArray[np.void]], folder: Path) -> Verdict:
    """Judge a run whose additions were only counted: a k6 without our extension keeps no list of them.

    What was acknowledged must be there, no id twice, and no more than was acknowledged or is unknown; where nothing is
    unknown, the exact sum must be equal. Which id is missing cannot be told.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _scatter(rows, folder, "rows")
    verdict, counted = Verdict(digest=digest), 0
    for number in range(BUCKETS):
        found = _sorted(np.fromfile(folder / f"rows-{number}", ROW_DTYPE))
        verdict.counted += len(found)
        counted += _exact(found)
        _note(verdict, "doubled", found[_repeated(found)])
    verdict.counted_sum = text_of(counted)
    more = verdict.counted - verdict.doubled - digest.acked
    verdict.lost = max(0, -more)
    verdict.unknown_counted = min(max(0, more), digest.unknown)
    verdict.never_sent = max(0, more - digest.unknown)
    if digest.unknown == 0 and verdict.counted_sum != digest.acked_sum:
        verdict.problems.append(
            f"the ledger's total of this run is {verdict.counted_sum}; the acknowledged sums make {digest.acked_sum}"
        )
    return verdict


def _check_whole(verdict: Verdict, sums: _Sums) -> None:
    digest = verdict.digest
    told = (digest.acked, digest.acked_sum, digest.fingerprint)
    seen = (sums.acked_entries, text_of(sums.acked), f"{sums.fingerprint:016x}")
    if told != seen:
        verdict.problems.append(f"the file of outcomes is incomplete: {told} acknowledged, {seen} in the file")
    expected = sums.acked + sums.unknown_counted
    if sums.counted != expected:
        verdict.problems.append(
            f"the ledger's total of this run is {verdict.counted_sum}; the acknowledged sums and the unknown ones that "
            f"were counted make {text_of(expected)}"
        )


def _join(sent: Entries, rows: NDArray[np.void], verdict: Verdict, sums: _Sums) -> None:
    sent, rows = _sorted(sent), _sorted(rows)
    acked = sent["outcome"] == Outcome.ACKED
    sums.acked_entries += int(acked.sum())
    sums.acked += _exact(sent[acked])
    sums.fingerprint = (sums.fingerprint + _fingerprint(sent[acked])) & _MASK
    sums.counted += _exact(rows)
    verdict.counted += len(rows)
    again = _repeated(rows)
    _note(verdict, "doubled", rows[again])
    # Each first row beside the entry of its id, if there is one; both sides are sorted and without repeats.
    first = rows[~again]
    at = np.searchsorted(_keys(sent), _keys(first))
    inside = at < len(sent)
    known = np.zeros(len(first), np.bool_)
    known[inside] = _same(first[inside], sent[at[inside]])
    _note(verdict, "never_sent", first[~known])
    mine, entries = first[known], sent[at[known]]
    wrong = (mine["sum_hi"] != entries["sum_hi"]) | (mine["sum_lo"] != entries["sum_lo"])
    _note(verdict, "wrong_sum", mine[wrong])
    _note(verdict, "refused_but_counted", mine[entries["outcome"] == Outcome.REFUSED])
    unknown = entries["outcome"] == Outcome.UNKNOWN
    verdict.unknown_counted += int(unknown.sum())
    sums.unknown_counted += _exact(entries[unknown])
    missing = acked.copy()
    missing[at[known]] = False
    _note(verdict, "lost", sent[missing])


def _note(verdict: Verdict, fault: str, ids: NDArray[np.void]) -> None:
    if len(ids) == 0:
        return
    setattr(verdict, fault, getattr(verdict, fault) + len(ids))
    examples = verdict.examples.setdefault(fault, [])
    for each in ids[: _EXAMPLES_MAX - len(examples)] if len(examples) < _EXAMPLES_MAX else ():
        examples.append(uuid_text(int(each["hi"]).to_bytes(8, "big") + int(each["lo"]).to_bytes(8, "big")))


def _scatter(chunks: Iterable[NDArray[np.void]], folder: Path, name: str) -> None:
    with ExitStack() as opened:
        files = [opened.enter_context((folder / f"{name}-{number}").open("wb")) for number in range(BUCKETS)]
        for chunk in chunks:
            buckets = (chunk["lo"] % BUCKETS).astype(np.intp)
            order = np.argsort(buckets, kind="stable")
            edges = np.searchsorted(buckets[order], np.arange(BUCKETS + 1))
            for number, file in enumerate(files):
                if edges[number] < edges[number + 1]:
                    file.write(chunk[order[edges[number] : edges[number + 1]]].tobytes())


def _chunks_of(path: Path) -> Iterator[Entries]:
    with path.open("rb") as file:
        while data := file.read(_CHUNK_ENTRIES * ENTRY_DTYPE.itemsize):
            yield np.frombuffer(data[: len(data) - len(data) % ENTRY_DTYPE.itemsize], ENTRY_DTYPE)


def _sorted(entries: NDArray[np.void]) -> NDArray[np.void]:
    return entries[np.lexsort((entries["lo"], entries["hi"]))]


def _keys(entries: NDArray[np.void]) -> NDArray[np.bytes_]:
    """Return the ids as text of 32 digits: numpy cannot search for pairs, and bytes end at a zero byte."""
    joined = np.empty(len(entries), [("hi", ">u8"), ("lo", ">u8")])
    joined["hi"], joined["lo"] = entries["hi"], entries["lo"]
    digits = joined.tobytes().hex().encode()
    return np.frombuffer(digits, "S32") if digits else np.empty(0, "S32")


def _repeated(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell of each of some sorted rows whether it has the id of the row before."""
    again = np.zeros(len(rows), np.bool_)
    again[1:] = _same(rows[1:], rows[:-1])
    return again


def _same(one: NDArray[np.void], other: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.asarray((one["hi"] == other["hi"]) & (one["lo"] == other["lo"]))


def _exact(entries: NDArray[np.void]) -> int:
    """Return the exact sum: limbs of 32 bits cannot overflow 64 below four thousand million rows."""
    total = 0
    for name, shift in (("sum_hi", 64), ("sum_lo", 0)):
        column = entries[name].astype(np.uint64)
        low, high = int((column & np.uint64(0xFFFFFFFF)).sum()), int((column >> np.uint64(32)).sum())
        total += ((high << 32) + low) << shift
    negative = int((entries["sum_hi"].astype(np.uint64) >> np.uint64(63)).sum())
    return total - (negative << 128)


def _fingerprint(entries: NDArray[np.void]) -> int:
    hi, lo = entries["hi"].astype(np.uint64), entries["lo"].astype(np.uint64)
    return int(mix_column(hi ^ mix_column(lo)).sum(dtype=np.uint64))
