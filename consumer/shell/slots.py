"""All slots of this replica: who is read, which state each shows, and the snapshot of it all.

Only the ingest loop's thread uses it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from loguru import logger

from consumer.core.partition_state import Paused, Recovering, Refused, Running, State, Unassigned, name_of
from consumer.core.schema_wait import SchemaWait
from consumer.core.snapshot import Own, Snapshot
from consumer.shell.ports import Source
from consumer.shell.slot import Slot

_TROUBLE_SHOWN_S = 2.0
"""A pause that a record or the disk caused is shown until a block succeeded, or for this long after reading began."""


class Slots:
    """The slots by partition, and those that are leaving: given up, with a thread still at work on them."""

    def __init__(self, source: Source, partitions: int, retry_s: float, monotonic_s: Callable[[], float]) -> None:
        self._source = source
        self._partitions = partitions
        self._retry_s = retry_s
        self._monotonic_s = monotonic_s
        self._slots: dict[int, Slot] = {}
        self._leaving: list[Slot] = []
        self._assigned = False
        self._version = 0
        self._changed = True

    def __getitem__(self, partition: int) -> Slot:
        return self._slots[partition]

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._slots.values()))

    def get(self, partition: int) -> Slot | None:
        """Return the slot of a partition that is ours."""
        return self._slots.get(partition)

    def is_read(self, partition: int) -> bool:
        """Tell whether records of it are welcome."""
        slot = self._slots.get(partition)
        return slot is not None and slot.reading

    # -- coming and going --------------------------------------------------------------------------------------------

    def add(self, partitions: Iterable[int]) -> None:
        """Take assigned partitions in, perhaps none."""
        self._assigned = True
        self._changed = True
        for partition in partitions:
            self._slots[partition] = Slot(partition)

    def remove(self, partitions: Iterable[int]) -> None:
        """Let partitions go; ``gone`` gives them out once nobody works on them."""
        self._changed = True
        for partition in partitions:
            slot = self._slots.pop(partition, None)
            if slot is not None:
                slot.reading = False
                self._leaving.append(slot)

    def gone(self) -> list[Slot]:
        """Return slots that left and that no other thread works on; each once."""
        done = [slot for slot in self._leaving if not slot.working]
        self._leaving = [slot for slot in self._leaving if slot.working]
        return done

    def is_leaving(self, partition: int) -> bool:
        """Tell whether an earlier slot of the partition is still at work, so that its ledger must not be opened."""
        return any(slot.partition == partition for slot in self._leaving)

    # -- reading -----------------------------------------------------------------------------------------------------

    def start_reading(self, slot: Slot) -> None:
        """Read on at the ledger's next offset."""
        self._source.start(slot.partition, slot.ledger_state.next_offset)
        slot.reading = True
        slot.alone = False
        slot.position = None
        slot.waited_s = 0.0
        slot.trouble_until_s = self._monotonic_s() + _TROUBLE_SHOWN_S
        self.show_reading(slot)

    def stop_reading(self, slot: Slot) -> None:
        """Fetch no more of it."""
        self._source.stop([slot.partition])
        slot.reading = False

    def note_ends(self, ends: Mapping[int, int]) -> None:
        """Take note of partitions that were read to their end, everything before it being in the ledger."""
        for partition, end in ends.items():
            slot = self._slots.get(partition)
            if slot is not None and slot.reading and end != slot.position:
                slot.position = end
                self._changed = True

    # -- states ------------------------------------------------------------------------------------------------------

    def pause(self, slot: Slot, reason: str, cure: str = "", *, until_success: bool = True) -> None:
        """Stop reading until recovery has tried again. ``until_success``: the reason shows until a block succeeds."""
        self.stop_reading(slot)
        slot.alone = False
        slot.trouble, slot.trouble_cure = (reason, cure) if until_success else ("", "")
        slot.retry_at_s = self._monotonic_s() + self._retry_s
        self.show(slot, Paused(reason, cure))

    def read_alone(self, slot: Slot) -> None:
        """Stop reading: what comes next is read by itself, as its batch is too large to be read with others."""
        self.stop_reading(slot)
        slot.alone = True
        slot.retry_at_s = self._monotonic_s()
        self.show(slot, Recovering(f"reading on at offset {slot.ledger_state.next_offset} alone: a batch is large"))

    def look_up(self, slot: Slot, wait: SchemaWait) -> None:
        """Stop reading until recovery has asked the registry for these schemas, at once."""
        self.stop_reading(slot)
        slot.alone = False
        slot.wait = wait
        self.look_up_now(slot, wait)

    def look_up_now(self, slot: Slot, wait: SchemaWait) -> None:
        """Let recovery ask for what a slot waits for."""
        slot.retry_at_s = self._monotonic_s()
        some = ", ".join(map(str, wait.open_names[:5]))
        self.show(slot, Recovering(f"looking up {len(wait)} schemas, {some} among them"))

    def wait(self, slot: Slot, state: Paused | Recovering) -> None:
        """Show why nothing is read now; what was tried is tried again after a while."""
        slot.retry_at_s = self._monotonic_s() + self._retry_s
        self.show(slot, state)

    def refuse(self, slot: Slot, reason: str, cure: str) -> None:
        """Stop reading until a person has acted and the consumer starts again."""
        self.stop_reading(slot)
        slot.alone = False
        self.show(slot, Refused(reason, cure))

    def show_reading(self, slot: Slot) -> None:
        """Show the state of a slot that is read."""
        if slot.trouble:
            self.show(slot, Paused(slot.trouble, slot.trouble_cure))
        elif slot.replay is not None:
            self.show(slot, Recovering(f"replaying the topic up to committed offset {slot.replay.until}"))
        else:
            self.show(slot, Running())

    def show(self, slot: Slot, state: State) -> None:
        """Change a state, loudly."""
        if slot.state == state:
            return
        before, slot.state = slot.state, state
        self._changed = True
        about = logger.bind(partition=slot.partition)
        match state:
            case Refused(reason, cure):
                about.error("REFUSED: {} Cure: {}", reason, cure)
            case Paused(reason, cure):
                about.warning("PAUSED: {}", f"{reason} Cure: {cure}" if cure else reason)
            case Running():
                about.info("RUNNING, after {}", name_of(before))
            case Recovering() | Unassigned():
                about.debug("state: {}", state)

    # -- the picture -------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Take note that the next snapshot differs from the last one."""
        self._changed = True

    def new_snapshot(self) -> Snapshot | None:
        """Return a snapshot when there is something new to show."""
        if not self._changed:
            return None
        self._changed = False
        self._version += 1
        owns = (
            Own(number, Unassigned()) if (slot := self._slots.get(number)) is None else slot.own()
            for number in range(self._partitions)
        )
        return Snapshot(self._version, tuple(owns), self._assigned)
