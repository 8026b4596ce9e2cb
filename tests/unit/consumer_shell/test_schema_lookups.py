"""The ingest loop with schemas that it does not know, on a Kafka in memory and real ledger files."""

from pathlib import Path

from consumer.core.partition.state import Paused, Recovering, Running
from consumer.core.schema_wait import NAMES_MAX
from tally.base.framing import SchemaName, frame
from tally.event.codes import UNKNOWN_SCHEMA
from tally.generated.topics import SUMS
from tally.registry.errors import RegistryUnreachable, SchemaUnknown
from tests_support.consumer.bench import RETRY_S, Bench, Kafka, Registry
from tests_support.ledger.records import Record, addition, body, request_id

FIRST_ID = 1_000_000


class Denying(Registry):
    """It knows only what it is told of, and counts the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[SchemaName] = []
        self.down = False

    def schema(self, name: SchemaName) -> str:
        self.asked.append(name)
        if self.down:
            raise RegistryUnreachable("the registry is not reachable")
        if name not in self.schemas:
            raise SchemaUnknown(f"does not know {name}")
        return self.schemas[name]


def unknown(offset: int, schema_id: int) -> Record:
    id_ = request_id(offset % 50)
    return Record(offset, 1_764_000_000_000, id_, frame(schema_id) + body(id_, 1, 2))


def bench_of(tmp_path: Path, records: list[Record], batch: int = 100_000) -> tuple[Bench, Denying]:
    registry = Denying()
    return Bench(tmp_path, Kafka(records), batch, registry=registry), registry


def test_records_before_an_unknown_schema_are_counted_at_once(tmp_path: Path) -> None:
    """With the registry down, records ahead of one with an unknown schema are counted, and the rest once it is back."""
    bench, registry = bench_of(tmp_path, [addition(0, 0), addition(1, 1), unknown(2, FIRST_ID), addition(3, 3)])
    registry.down = True
    bench.rounds(3)
    assert (bench.figures.next_offset, bench.figures.counts.counted) == (2, 2)
    assert isinstance(bench.own.state, Paused | Recovering)
    registry.down = False
    bench.rounds(8)
    assert (bench.figures.counts.counted, bench.figures.counts.poison) == (3, 1)


def test_a_registry_that_fails_is_a_pause_with_its_cure_and_one_that_denies_is_none(tmp_path: Path) -> None:
    """A failing registry pauses the partition with a cure for a person; a first denial pauses it without one."""
    bench, registry = bench_of(tmp_path, [unknown(0, FIRST_ID)])
    registry.down = True
    bench.rounds(4)
    state = bench.own.state
    assert isinstance(state, Paused)
    assert "TALLY_REGISTRY_URL" in (state.cure or "")
    registry.down = False
    bench.rounds(1)
    bench.clock.now_s -= RETRY_S  # the first denial was right now
    bench.rounds(1)
    assert isinstance(bench.own.state, Paused)
    assert bench.own.state.cure is None
    bench.rounds(8)
    assert (bench.state, bench.figures.counts.poison) == (Running(), 1)


def test_twelve_thousand_unknown_ids_are_settled_by_two_questions_each(tmp_path: Path) -> None:
    """Twelve thousand unknown ids take two questions each and a bounded number of rounds, whatever caches forget."""
    number = 12_000
    records = [unknown(offset, FIRST_ID + offset) for offset in range(number)]
    bench, registry = bench_of(tmp_path, [*records, addition(number, 1)])
    waits = -(-number // NAMES_MAX)
    for _ in range(waits):
        bench.rounds(8)
    assert bench.own.state == Running()
    assert (bench.figures.counts.poison, bench.figures.counts.counted) == (number, 1)
    assert sorted(registry.asked) == sorted([*range(FIRST_ID, FIRST_ID + number)] * 2)
    letters = [letter for each in bench.publisher.publications for letter in each.letters]
    assert [(each.offset, each.reason) for each in letters] == [(offset, UNKNOWN_SCHEMA) for offset in range(number)]


def test_answers_are_kept_until_all_records_that_waited_are_written_however_slowly(tmp_path: Path) -> None:
    """Verdicts on unknown ids outlast a slow write of the records that wait for them, so none is asked for again."""
    records = [unknown(offset, FIRST_ID + offset) for offset in range(20)]
    bench, registry = bench_of(tmp_path, records)
    bench.rounds(3)
    assert registry.asked, "it waits for all twenty by now"
    bench.source.batch = 1
    for _ in range(60):
        bench.rounds(1)
        bench.clock.now_s += 100.0  # every verdict that others might use is forgotten meanwhile
    assert bench.figures.counts.poison == 20
    assert len(registry.asked) == 40


def test_a_schema_that_is_registered_after_the_first_denial_is_no_poison(tmp_path: Path) -> None:
    """A record whose schema is registered between the first and the second look-up is counted, not poison."""
    bench, registry = bench_of(tmp_path, [unknown(0, FIRST_ID)])
    bench.rounds(2)
    registry.schemas[FIRST_ID] = SUMS.schema
    bench.rounds(6)
    assert (bench.figures.counts.counted, bench.figures.counts.poison) == (1, 0)
