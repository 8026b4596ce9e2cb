"""What a ledger belongs to, and what is said when it belongs to something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Identity:
    """What a ledger belongs to: one partition of one topic of one cluster, under one version of the fold."""

    cluster_id: str
    topic: str
    topic_id: str
    partition: int
    partitions: int
    fold_version: int


@dataclass(frozen=True)
class Refuse:
    """The partition must not be touched: ``reason`` says what was found, ``cure`` what a person does about it."""

    reason: str
    cure: str


def repair_command(directory: str, source: str) -> str:
    """Return the command that takes a ledger from ``source``, topic or peer. A directory is called TOPIC-PARTITION."""
    partition = directory.rpartition("-")[2]
    peer = " --peer URL-OR-DIRECTORY" if source == "peer" else ""
    return f"`tally repair --partition {partition} --from {source}{peer}`"


def rebuild_cure(directory: str) -> str:
    """Return the sentence for whatever a rebuild from the topic mends."""
    return (
        f"Stop the consumer, run {repair_command(directory, 'topic')} (the old ledger is kept beside it) and start the "
        f"consumer again: it rebuilds the ledger from the topic and checks it against the committed witness."
    )


def check_identity(found: Identity, expected: Identity, directory: str) -> Refuse | None:
    """Step 1: a ledger's header against the world."""
    if found == expected:
        return None
    name, had, has = next(
        (field, getattr(found, field), getattr(expected, field))
        for field in _IDENTITY_CURES
        if getattr(found, field) != getattr(expected, field)
    )
    reason = f"{directory} is the ledger of {name.replace('_', ' ')} {had}, not {has}"
    repair = repair_command(directory, "topic")
    return Refuse(reason, _IDENTITY_CURES[name].format(repair=repair, had=had, has=has))


_IDENTITY_CURES: Final = {
    "cluster_id": "Point TALLY_KAFKA_BOOTSTRAP_SERVERS to cluster {had}. Or stop the consumer, run {repair} and start "
    "it again to begin the ledger of this cluster; the old one is kept beside it.",
    "topic": "Stop the consumer, put the directory of the right topic there or run {repair}, and start it again.",
    "partition": "Stop the consumer, put the directory of partition {has} there or run {repair}, and start it again.",
    "topic_id": "The topic was deleted and created again. Stop every consumer, run {repair} for each partition (the "
    "old ledgers are kept, as the record of the old topic) and `tally repair --forget-commits`, and start again: the "
    "ledger of the new topic begins.",
    "partitions": "The partition of a request id depends on the number of partitions, which is pinned: with {has} "
    "the same id could be counted twice. Create a topic with a new name and {had} partitions in contracts/topics, see "
    "`codegen plan --offline` and docs/OPERATIONS.md.",
    "fold_version": "Run the version of Tally that wrote it. Or stop the consumer, run {repair} and start it again: "
    "the ledger is rebuilt from the topic by the rules of fold version {has}.",
}
"""By field of Identity, the most telling first."""


def check_schemas(pinned: Mapping[int, str], resolved: Mapping[int, str | None], directory: str) -> Refuse | None:
    """A writer schema id (-> fingerprint) must resolve to what the ledger's header says it was; None: the registry
    does not know the id."""
    for schema_id in sorted(pinned.keys() & resolved.keys()):
        found = resolved[schema_id]
        if pinned[schema_id] != found:
            now = "is unknown to the registry" if found is None else f"now has fingerprint {found}"
            return Refuse(
                f"schema id {schema_id} {now}, but the records in {directory} "
                f"were read with {pinned[schema_id]}: the registry was reset or exchanged",
                "Restore the registry's data, or point TALLY_REGISTRY_URL to the registry that gave the ids out; then "
                "start the consumer again. `codegen check --registry URL` tells what a registry lacks.",
            )
    return None
