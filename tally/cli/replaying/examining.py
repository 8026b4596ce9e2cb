"""Dead letters with what proves them: the ledger's rows and the records they are about, a chunk at a time.

Letters and records may be large and many, so only a chunk of them is in memory at once.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from tally.cli.replaying.dead_letters import PublishedLetter, Source
from tally.cli.replaying.genuine import Examined, Examiner, Row
from tally.cli.services.kafka import records_at
from tally.cli.services.rest import RestService
from tally.cli.settings import ClientSettings
from tally.event.record import Record
from tally.generated.topics import SUMS

_CHUNK_BYTES: Final = 32 * 1024 * 1024
_CHUNK_LETTERS: Final = 1_000
_PAGE_ROWS: Final = 100


def examined(
    letters: Iterable[PublishedLetter], environment: ClientSettings, service: RestService, topic_id: str
) -> Iterator[Examined]:
    """Yield what each letter is. Raises UnavailableError and CommandError."""
    originals = _Originals(environment)
    examiner = Examiner(topic_id, originals.at, _Rows(service).at)
    for chunk in _chunks(letters):
        for partition in sorted({letter.source.partition for letter in chunk}):
            mine = [letter for letter in chunk if letter.source.partition == partition]
            mine.sort(key=lambda letter: letter.source.offset)
            ours = {each.source.offset for each in mine if each.is_placed and each.source.topic_id == topic_id}
            originals.begin(partition, sorted(ours))
            yield from map(examiner.examine, mine)


class _Originals:
    """Records of a partition, read from the topic one after the other as offsets that grow are asked for."""

    def __init__(self, environment: ClientSettings) -> None:
        self._environment = environment
        self._records: Iterator[Record] = iter(())
        self._at: Record | None = None

    def begin(self, partition: int, offsets: list[int]) -> None:
        """Read these offsets, which increase."""
        self._records = records_at(self._environment, SUMS, partition, offsets) if offsets else iter(())
        self._at = None

    def at(self, source: Source) -> Record | None:
        """Return the record at a place, None when it is gone."""
        while self._at is None or self._at.offset < source.offset:
            self._at = next(self._records, None)
            if self._at is None:
                return None
        return self._at if self._at.offset == source.offset else None


class _Rows:
    """The ledger's rows, by pages that are asked for as they are needed."""

    def __init__(self, service: RestService) -> None:
        self._service = service
        self._partition = -1
        self._from = self._to = 0
        self._page: dict[int, Row] = {}

    def at(self, source: Source) -> Row | None:
        """Return the row at a place. Raises UnavailableError and CommandError."""
        if source.partition != self._partition or not self._from <= source.offset < self._to:
            self._turn_to(source)
        return self._page.get(source.offset)

    def _turn_to(self, source: Source) -> None:
        where = {"partition": str(source.partition), "after": str(source.offset - 1), "limit": str(_PAGE_ROWS)}
        entries = self._service.call("GET", "/v1/entries", params=where).json()["entries"]
        self._page = {entry["offset"]: Row(entry["kind"], entry["reason"]) for entry in entries}
        self._partition, self._from = source.partition, source.offset
        self._to = max(self._page, default=source.offset) + 1


def _chunks(letters: Iterable[PublishedLetter]) -> Iterator[list[PublishedLetter]]:
    chunk: list[PublishedLetter] = []
    size = 0
    for letter in letters:
        chunk.append(letter)
        size += len(letter.key or b"") + len(letter.value or b"")
        if size >= _CHUNK_BYTES or len(chunk) >= _CHUNK_LETTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
