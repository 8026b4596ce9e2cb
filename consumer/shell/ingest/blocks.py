"""One batch of a partition on its way into the ledger: steps 3 and 4 of the ingest loop.

``prepare`` decides and changes nothing; ``write`` makes it durable. Between them the partition is as before, so a batch
that cannot be written is simply fetched again.
"""

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from consumer.core.partition.events import Appended, Contradicted, NoRoom, NothingNew, SchemasMissing
from consumer.core.partition.model import Partition
from consumer.core.schema_wait import gather
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.ingest.pending_block import PendingBlock
from consumer.shell.partitions.open_ledger import OpenLedger
from consumer.shell.schemas import Schemas, SchemaView
from tally.event.classify import Fetched, decode
from tally.event.dead_letter import letters_of
from tally.event.verdict import SchemaUnavailable
from tally.ledger.format.identity import Refuse, check_schemas
from tally.ledger.state.fold import fold
from tally.ledger.storage.errors import FULL_CURE, LedgerFull

Prepared: TypeAlias = PendingBlock | NothingNew | SchemasMissing | Contradicted


def prepare(partition: Partition, ledger: OpenLedger, fetched: Fetched, schemas: Schemas, partitions: int) -> Prepared:
    """Decode and classify one batch, as far as the schemas of its records are known."""
    view = schemas.view(partition.wait)
    try:
        return _prepared(partition, ledger, fetched, view, partitions)
    except SchemaUnavailable:
        judged = partition.claims.taken_over(fetched, ledger.opened.ledger.schemas)
        position, wait = gather(fetched, view.knows, view.ours, judged)
    if position == 0:
        return SchemasMissing(wait)
    before = _prepared(partition, ledger, fetched.until(position), view, partitions)
    match before:
        case PendingBlock():
            return replace(before, wait=wait)
        case NothingNew():
            return SchemasMissing(wait)
        case _:
            return before


def _prepared(
    partition: Partition, open_ledger: OpenLedger, fetched: Fetched, view: SchemaView, partitions: int
) -> PendingBlock | NothingNew | Contradicted:
    """Raises SchemaUnavailable when the schema of a record is not known."""
    ledger = open_ledger.opened.ledger
    decoded = decode(
        fetched,
        partitions=partitions,
        fast_schema_ids=view.fast_ids,
        general=view.general,
        verdicts=partition.claims.taken_over(fetched, ledger.schemas),
    )
    used = {schema_id: view.fingerprint(schema_id) for schema_id in decoded.schema_ids}
    known = {schema_id: each for schema_id, each in ledger.schemas.items() if schema_id in used}
    refusal = check_schemas(known, used, f"partition {partition.number}")
    if isinstance(refusal, Refuse):
        return Contradicted(refusal.reason, refusal.cure)
    folded = fold(ledger.state, decoded, open_ledger.opened.index)
    if len(folded.rows) == 0:
        return NothingNew()
    letters = tuple(
        letter
        for letter in letters_of(fetched, decoded, partition.claims.is_published)
        if letter.offset >= ledger.state.next_offset
    )
    return PendingBlock(partition.number, open_ledger, folded, used, letters)


def write(blocks: list[PendingBlock], executor: Executor, observer: LoopObserver) -> list[Appended | NoRoom]:
    """Append and fsync the blocks side by side; return what became of each.

    Raises LedgerFailed: then the process must end.
    """
    # One block needs no other thread.
    append = partial(_observed_append, observer)
    return list(map(append, blocks) if len(blocks) <= 1 else executor.map(append, blocks))


def _observed_append(observer: LoopObserver, block: PendingBlock) -> Appended | NoRoom:
    observer.writing(block.partition)
    try:
        return _append(block)
    finally:
        observer.wrote()


def _append(block: PendingBlock) -> Appended | NoRoom:
    opened, state = block.ledger.opened, block.folded.state
    try:
        opened.ledger.append(block.folded.rows, state, block.schemas)
    except LedgerFull as error:
        return NoRoom(str(error), FULL_CURE)
    opened.index.insert(block.folded.additions, (state.next_offset, state.chain.value))
    return Appended(state, block.letters, block.wait)
