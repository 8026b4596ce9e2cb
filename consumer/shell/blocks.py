"""One batch of a partition on its way into the ledger: steps 3 to 5 of the ingest loop.

``prepare`` decides and changes nothing; ``write`` makes it durable. Between them the slot is as before, so a batch that
cannot be written is simply fetched again.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from loguru import logger

from common.framing import SchemaName
from consumer.core.dead_letter import Letter, letters_of
from consumer.core.event import Fetched, SchemaUnavailable, decode
from consumer.core.fold import Folded, fold
from consumer.core.identity import Refuse
from consumer.core.recovery import check_schemas
from consumer.shell.ledger_errors import FULL_CURE, LedgerFull
from consumer.shell.schemas import Schemas
from consumer.shell.slot import Slot
from consumer.shell.watch import Watch


@dataclass(frozen=True)
class Block:
    """Rows ready to append, and the poison among them whose dead letter is to be published."""

    slot: Slot
    folded: Folded
    schemas: dict[int, str]
    letters: list[Letter]


@dataclass(frozen=True, slots=True)
class NothingNew:
    """The ledger has all of it."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The batch cannot be decoded before these schema ids are resolved."""

    schema_ids: frozenset[SchemaName]


Prepared = Block | NothingNew | NotYet | Refuse


def prepare(slot: Slot, fetched: Fetched, schemas: Schemas, partitions: int) -> Prepared:
    """Decode and classify one batch."""
    held = slot.held
    assert held is not None, "a partition that is read has a ledger"
    ledger = held.opened.ledger
    try:
        decoded = decode(
            fetched,
            partitions=partitions,
            fast_schema_ids=schemas.fast_ids,
            general=schemas.general,
            verdicts=slot.claims.taken_over(fetched, ledger.schemas),
        )
    except SchemaUnavailable:
        return NotYet(frozenset(schemas.unknown_ids(fetched)))
    used = {schema_id: schemas.fingerprint(schema_id) for schema_id in decoded.schema_ids}
    refusal = check_schemas({k: v for k, v in ledger.schemas.items() if k in used}, used, f"partition {slot.partition}")
    if refusal is not None:
        return refusal
    folded = fold(ledger.state, decoded, held.opened.index)
    if len(folded.rows) == 0:
        return NothingNew()
    letters = [
        letter
        for letter in letters_of(fetched, decoded, slot.claims.is_published)
        if letter.offset >= ledger.state.next_offset
    ]
    return Block(slot, folded, used, letters)


def write(blocks: list[Block], executor: Executor, watch: Watch) -> list[Block]:
    """Append and fsync the blocks side by side; return those that are durable. The slot of another one shows why.

    Raises LedgerFailed: then the process must end.
    """
    # One block needs no other thread.
    append = partial(_watched_append, watch)
    outcomes = list(map(append, blocks) if len(blocks) <= 1 else executor.map(append, blocks))
    return [block for block, full in zip(blocks, outcomes, strict=True) if not full]


def _watched_append(watch: Watch, block: Block) -> bool:
    watch.writing(block.slot.partition)
    try:
        return _append(block)
    finally:
        watch.wrote()


def _append(block: Block) -> bool:
    """Return whether the disk is full."""
    slot = block.slot
    assert slot.held is not None
    try:
        slot.held.opened.ledger.append(block.folded.rows, block.folded.state, block.schemas)
    except LedgerFull as error:
        if slot.trouble != str(error):
            logger.bind(partition=slot.partition).error("the ledger takes no more: {}", error)
        slot.trouble, slot.trouble_cure = str(error), FULL_CURE
        return True
    state = block.folded.state
    slot.held.opened.index.insert(block.folded.additions, (state.next_offset, state.chain.value))
    return False
