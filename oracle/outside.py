"""Checks of what can be seen from outside: committed offsets, witnesses, REST."""

from collections.abc import Iterator, Mapping
from typing import Any

from oracle.chain import chains_at
from oracle.facts import COUNTED, POISON, Facts
from oracle.naming import number, unequal
from oracle.truth import Truth, states_at


def i9_commits_go_forward(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find committed offsets that went back."""
    highest: dict[int, int] = {}
    seen = [(shown.partition, shown.next_offset) for shown in facts.watermarks if shown.source == "committed"]
    seen += [(partition, committed.offset) for partition, committed in sorted(facts.committed.items())]
    for partition, offset in seen:
        if offset < highest.get(partition, 0):
            yield f"partition {partition}: {offset} was committed after {highest[partition]}"
            return
        highest[partition] = offset


def witness_tells_the_fold(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find witnesses that are missing, or that differ from the fold up to the committed offset."""
    for partition, committed in sorted(facts.committed.items()):
        verdicts = truth.verdicts.get(partition, [])
        if committed.witness is None:
            yield f"partition {partition}: offset {committed.offset} is committed without a readable witness"
            return
        claimed, true = committed.witness, states_at(verdicts, [committed.offset])[0]
        wrong = unequal(
            {
                "counted": (claimed.get("counted"), true.counted),
                "duplicates": (claimed.get("duplicates"), true.duplicates),
                "conflicts": (claimed.get("conflicts"), true.conflicts),
                "poison": (claimed.get("poison"), true.poison),
                "total": (number(claimed.get("total")), true.total),
                "chain": (claimed.get("chain"), chains_at(verdicts, [committed.offset])[0].hex()),
            }
        )
        if wrong:
            yield f"partition {partition}, witness at {committed.offset}: {', '.join(wrong)}"
            return


def rest_tells_the_truth(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find answers of REST that differ from the truth, in the total or in a partition."""
    for url, body in facts.rest.items():
        wrong = _wrong_total(body, truth)
        if wrong:
            yield f"{url}: {'; '.join(wrong[:3])}"
            return


def _wrong_total(body: Mapping[str, Any], truth: Truth) -> list[str]:
    """Return how an answer of GET /v1/total differs from the truth, as phrases; the total comes first."""
    pairs: Mapping[str, tuple[object, object]] = {
        "total": (number(body["total"]), truth.total()),
        "count": (body["count"], truth.count(COUNTED)),
        "duplicates": (body["duplicates"], truth.count("DUPLICATE")),
        "conflicts": (body["conflicts"], truth.count("CONFLICT")),
        "poison": (body["poison"], truth.count(POISON)),
        "complete": (body["complete"], True),
    }
    wrong = unequal(pairs)
    for part in body["partitions"]:
        own = part["partition"]
        if (part["count"], number(part["total"])) != (truth.count(COUNTED, own), truth.total(own)):
            wrong.append(
                f"partition {own}: {part['count']} and {part['total']} instead of "
                f"{truth.count(COUNTED, own)} and {truth.total(own)}"
            )
    return wrong
