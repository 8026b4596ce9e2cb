"""One batch of a partition on its way into the ledger: steps 3 to 5 of the ingest loop.

``prepare`` decides and changes nothing; ``write`` makes it durable. Between them the slot is as before, so a batch that
cannot be written is simply fetched again.
"""

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from loguru import logger

from consumer.core.recovery import check_schemas
from consumer.core.schema_wait import SchemaWait, gather
from consumer.shell.schemas import Schemas, SchemaView
from consumer.shell.slot import Slot
from consumer.shell.watch import Watch
from tally.event.classify import Fetched, decode
from tally.event.dead_letter import Letter, letters_of
from tally.event.verdict import SchemaUnavailable
from tally.ledger.errors import FULL_CURE, LedgerFull
from tally.ledger.fold import Folded, fold
from tally.ledger.identity import Refuse


@dataclass(frozen=True)
class Block:
    """Rows ready to append, and the poison among them whose dead letter is to be published.

    ``wait``: the record behind them cannot be read before this is over.
    """

    slot: Slot
    folded: Folded
    schemas: dict[int, str]
    letters: list[Letter]
    wait: SchemaWait | None = None


@dataclass(frozen=True, slots=True)
class NothingNew:
    """The ledger has all of it."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The first record that is new cannot be read before this wait is over."""

    wait: SchemaWait


Prepared = Block | NothingNew | NotYet | Refuse


def prepare(slot: Slot, fetched: Fetched, schemas: Schemas, partitions: int) -> Prepared:
    """Decode and classify one batch, as far as the schemas of its records are known."""
    view = schemas.view(slot.wait)
    try:
        return _prepared(slot, fetched, view, partitions)
    except SchemaUnavailable:
        assert slot.held is not None, "a partition that is read has a ledger"
        judged = slot.claims.taken_over(fetched, slot.held.opened.ledger.schemas)
        position, wait = gather(fetched, view.knows, view.ours, judged)
    if position == 0:
        return NotYet(wait)
    before = _prepared(slot, fetched.until(position), view, partitions)
    match before:
        case Block():
            return replace(before, wait=wait)
        case NothingNew():
            return NotYet(wait)
        case _:
            return before


def _prepared(slot: Slot, fetched: Fetched, view: SchemaView, partitions: int) -> Block | NothingNew | Refuse:
    """Raises SchemaUnavailable when the schema of a record is not known."""
    held = slot.held
    assert held is not None, "a partition that is read has a ledger"
    ledger = held.opened.ledger
    decoded = decode(
        fetched,
        partitions=partitions,
        fast_schema_ids=view.fast_ids,
        general=view.general,
        verdicts=slot.claims.taken_over(fetched, ledger.schemas),
    )
    used = {schema_id: view.fingerprint(schema_id) for schema_id in decoded.schema_ids}
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
