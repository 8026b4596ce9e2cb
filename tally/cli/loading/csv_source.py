"""Reading two columns of a CSV file, one record at a time, in memory that a file cannot stretch.

Line numbers count from 1 (the header's) as an editor shows them; a record that spans lines has the number of its
first. Nothing is repaired or rounded: what is not two numbers of the contract is a ``Reject`` with its own text.

Nor is anything guessed: once it is unknown where a record ends, the reading ends there. The next line may be the middle
of a note, and numbers in it are no row.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from tally.cli.loading.csv_guess import diagnosis_of
from tally.event import decimals

RECORD_BYTES_MAX: Final[int] = 1 << 20
"""A record longer than this is a quote left open, or no CSV."""

_BLANKS_AND_QUOTE = re.compile(r'[ \t]+"')
_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")
_WHOLE_DIGITS_MAX: Final[int] = decimals.DIGITS_MAX - decimals.SCALE
_SHOWN_MAX: Final[int] = 60
_CAUSES: Final[dict[str, str]] = {  # what Python's parser says, and what it means
    "expected after": "a quote inside a quoted field is not doubled",
    "unexpected end of data": "a quoted field is still open at the end of the file",
    "new-line character": "a carriage return in the middle of a line",
}
_UNKNOWN_END: Final[str] = "where this record ends is not known, so nothing from there on was read"


class CsvSourceError(Exception):
    """The file cannot be read on; the message names the line and the cure."""


class ColumnError(CsvSourceError):
    """A column is not there; the message names those that are."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A record with both numbers: its text in the file, the texts to send, and their exact sum, unscaled."""

    line: int
    content: str
    a: str
    b: str
    sum_unscaled: int


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be added, with its text as it stands in the file."""

    line: int
    content: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written."""

    column_a: str
    column_b: str
    delimiter: str = ","
    encoding: str = "utf-8-sig"  # UTF-8, and the mark that spreadsheets put first is not part of a name


def check_delimiter(delimiter: str) -> str:
    """Return the delimiter; ``\\t`` means a tab. Raises ValueError."""
    character = "\t" if delimiter == "\\t" else delimiter
    if len(character) != 1 or character in '"\r\n':
        raise ValueError(f"--delimiter is {delimiter!r}; give one character, for example ';' or '\\t'")
    return character


def check_encoding(encoding: str) -> str:
    """Return the encoding to read with. Raises ValueError for one that is unknown or in which lines cannot be found."""
    try:
        name = codecs.lookup(encoding).name
        newline = "\n".encode(name)
    except (LookupError, UnicodeError):
        raise ValueError(f"--encoding is {encoding!r}, which is not known; for example utf-8 or latin-1") from None
    if name == "utf-8-sig":
        return name
    if newline != b"\n":
        raise ValueError(f"--encoding is {encoding!r}, in which lines cannot be told apart; save the file as UTF-8")
    return "utf-8-sig" if name == "utf-8" else name


class _Lines:
    """The decoded lines of a file, remembering those of the record under way."""

    def __init__(self, stream: BinaryIO, encoding: str, on_bytes: Callable[[bytes], None]) -> None:
        self._stream = stream
        self.encoding = encoding
        self._on_bytes = on_bytes
        self._record: list[str] = []
        self._record_bytes = 0
        self.first = b""
        self.number = 0
        self.record_line = 1

    def __iter__(self) -> Iterator[str]:
        while raw := self._stream.readline(RECORD_BYTES_MAX + 1):
            self.number += 1
            self._record_bytes += len(raw)
            self._on_bytes(raw)
            self.first = self.first or raw
            if self._record_bytes > RECORD_BYTES_MAX:
                raise self.error(
                    f"line {self.record_line}: a record longer than {RECORD_BYTES_MAX} bytes; "
                    f"look for an unclosed quote there"
                )
            text = self._decoded(raw)
            self._record.append(text)
            yield text

    def error(self, message: str) -> CsvSourceError:
        """Return the error of what is read now: if that is the first line, and shows what the file is, it says so."""
        diagnosis = diagnosis_of(self.first, self.encoding) if self.number == 1 else None
        return CsvSourceError(diagnosis or message)

    def _decoded(self, raw: bytes) -> str:
        plain = self.encoding.removesuffix("-sig")
        try:
            # Only the first line can begin with the byte order mark that "-sig" takes off.
            return raw.decode(self.encoding if self.number == 1 else plain)
        except UnicodeDecodeError as error:
            raise self.error(
                f"line {self.number}: byte {raw[error.start]:#04x} at position {error.start + 1} is not {plain}; "
                f"name the file's encoding, for example --encoding latin-1"
            ) from None

    def take_record(self) -> str:
        """Return the text of the record just read and begin the next one."""
        text = "".join(self._record).rstrip("\r\n")
        self._record.clear()
        self._record_bytes = 0
        self.record_line = self.number + 1
        return text


def read_rows(stream: BinaryIO, dialect: Dialect, on_bytes: Callable[[bytes], None]) -> Iterator[CsvRow | Reject]:
    """Read the header and return an iterator over the records after it, in order.

    ``on_bytes`` is given every line as it is read. Raises ColumnError at once when a column is missing; both the call
    and the iterator raise CsvSourceError when the file cannot be read on.
    """
    lines = _Lines(stream, dialect.encoding, on_bytes)
    # csv's own limit, 128 KiB a field, is one for the whole process: it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_BYTES_MAX))
    # strict: a stray quote is told, not guessed around.
    reader = csv.reader(iter(lines), delimiter=dialect.delimiter, strict=True)
    header = _fields(lines, reader) or []
    lines.take_record()
    try:
        indexes = _column(header, dialect.column_a, dialect), _column(header, dialect.column_b, dialect)
    except ColumnError:
        if (diagnosis := diagnosis_of(lines.first, lines.encoding)) is not None:
            raise ColumnError(diagnosis) from None
        raise
    return _records(lines, reader, len(header), indexes, dialect)


def _records(
    lines: _Lines, reader: Iterator[list[str]], width: int, indexes: tuple[int, int], dialect: Dialect
) -> Iterator[CsvRow | Reject]:
    index_a, index_b = indexes
    while True:
        line = lines.record_line
        fields = _fields(lines, reader)
        content = lines.take_record()
        if fields is None:
            return
        if not fields:
            continue  # an empty line between records
        _require_known_end(line, content, fields, width)
        if len(fields) != width:
            yield Reject(line, content, f"{len(fields)} columns, the header has {width}")
        else:
            yield _row(line, content, fields[index_a], fields[index_b], dialect)


def _fields(lines: _Lines, reader: Iterator[list[str]]) -> list[str] | None:
    """Return the fields of the next record, None at the end. Raises CsvSourceError where the parser gives up."""
    try:
        return next(reader, None)
    except csv.Error as error:
        reason = next((cause for text, cause in _CAUSES.items() if text in str(error)), str(error))
        seen = f", seen in line {lines.number}" if lines.number > lines.record_line else ""
        raise lines.error(f"line {lines.record_line}: not CSV: {reason}{seen}; {_UNKNOWN_END}") from None


def _require_known_end(line: int, content: str, fields: list[str], width: int) -> None:
    """Raise CsvSourceError for a record with a quote that may open a field which goes on in the next line.

    A quote inside of a field that begins without one is text, as in ``5" disk``. It is not taken for text where the
    columns do not fit, or where only blanks stand before it in its field.
    """
    if content.count('"') % 2 == 0:
        return
    if len(fields) != width:
        raise CsvSourceError(
            f"line {line}: not CSV: {len(fields)} columns, the header has {width}, and an unpaired quote; "
            f"{_UNKNOWN_END}"
        )
    if any(_BLANKS_AND_QUOTE.match(field) and field.count('"') % 2 for field in fields):
        raise CsvSourceError(f"line {line}: not CSV: a field begins with blanks and an unclosed quote; {_UNKNOWN_END}")


def _column(header: list[str], name: str, dialect: Dialect) -> int:
    found = header.count(name)
    if found == 1:
        return header.index(name)
    names = ", ".join(header) if header else "none: the file is empty"
    shown = names if len(names) <= 2000 else names[:2000] + "…"
    if found > 1:
        raise ColumnError(f"column {name!r} appears {found} times; the header must name each column once: {shown}")
    other = next((d for d in ";\t|" if d != dialect.delimiter and len(header) == 1 and d in header[0]), None)
    cure = f"; the header has {other!r} in it, try --delimiter {other!r}" if other else ""
    raise ColumnError(f"no column {name!r}; the columns are: {shown}{cure}")


def _row(line: int, content: str, text_a: str, text_b: str, dialect: Dialect) -> CsvRow | Reject:
    """Return the row, or why there is none. Blanks around a number are not part of it."""
    a, b = text_a.strip(" \t"), text_b.strip(" \t")
    try:
        total = decimals.parse(a) + decimals.parse(b)
    except decimals.DecimalTextError:
        reason = _fault(dialect.column_a, a) or _fault(dialect.column_b, b) or "not two numbers of the contract"
        return Reject(line, content, reason)
    if not decimals.in_range(total):
        return Reject(line, content, f"the sum of {a} and {b} has more than {decimals.DIGITS_MAX} digits")
    return CsvRow(line, content, a, b, total)


def _fault(column: str, text: str) -> str | None:
    """Return what is wrong with one number, None if nothing is."""
    if not text:
        return f"{column} is empty"
    shown = text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
    number = _NUMBER.fullmatch(text)
    if number is None:
        return f"{column} is {shown!r}, not a number such as 2 or -40.25"
    whole, fraction = len(number[1]), len(number[2] or "")
    if fraction > decimals.SCALE:
        return f"{column} is {shown}: {fraction} digits after the point, at most {decimals.SCALE}; not rounded"
    if whole > _WHOLE_DIGITS_MAX:
        return f"{column} is {shown}: {whole} digits before the point, at most {_WHOLE_DIGITS_MAX}"
    return None
