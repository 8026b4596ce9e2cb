"""Reading two columns of a CSV file."""

import csv
import hashlib
import io
from contextlib import suppress
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.cli.loading.csv_source import (
    RECORD_BYTES_MAX,
    ColumnError,
    CsvRow,
    CsvSourceError,
    Dialect,
    Reject,
    check_delimiter,
    check_encoding,
    read_rows,
)
from tally.cli.loading.ids import request_id
from tally.event import decimals
from tests_support.client.recorded_csv import FILES, RECORDED

AB = Dialect("a", "b")


def rows_of(content: bytes, dialect: Dialect = AB) -> list[CsvRow | Reject]:
    return list(read_rows(io.BytesIO(content), dialect, lambda _: None))


NUMBERS = st.from_regex(decimals.GRAMMAR, fullmatch=True)
NOTES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(NUMBERS, NOTES, NUMBERS), max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_numbers_come_back_exactly_with_the_line_where_their_record_starts(records, end):
    """Any valid CSV gives each row's exact sum and first line, or a reject if the sum has too many digits."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "note", "b"])
    due = []
    for a, note, b in records:
        line = file.getvalue().count("\n") + 1
        writer.writerow([a, note, b])
        with localcontext(prec=100):
            due.append((line, Decimal(a) + Decimal(b)))
    found = rows_of(file.getvalue().encode())
    assert [row.line for row in found] == [line for line, _ in due]
    for row, (_, total) in zip(found, due, strict=True):
        if isinstance(row, CsvRow):
            with localcontext(prec=100):
                assert Decimal(row.sum_unscaled).scaleb(-9) == total
        else:
            assert abs(total) >= Decimal(10) ** 29
            assert "more than 38 digits" in row.reason


@given(st.binary(max_size=300))
def test_any_bytes_end_in_records_or_in_an_error_that_names_the_line(content: bytes):
    """Whatever follows the header, reading ends in records of ascending lines or in an error naming a line."""
    try:
        found = rows_of(b"a,b\n" + content)
    except CsvSourceError as error:
        assert "line" in str(error)  # noqa: PT017  # either end is right, hence no pytest.raises
    else:
        assert [record.line for record in found] == sorted({record.line for record in found})


@given(st.binary(max_size=200))
def test_every_byte_of_the_file_is_reported_once(content: bytes):
    """The progress of reading covers every byte of the file once, in order."""
    content = b"a,b\n" + content.translate(None, b'\r"').decode("latin-1").encode()
    seen = bytearray()
    list(read_rows(io.BytesIO(content), AB, seen.extend))
    assert bytes(seen) == content


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NA,1", "a is 'NA', not a number"),
        ("1,", "b is empty"),
        ("1.0000000001,2", "a is 1.0000000001: 10 digits after the point, at most 9; not rounded"),
        ("1" * 30 + ",2", "30 digits before the point, at most 29"),
        ("1e3,2", "a is '1e3', not a number"),
        ("+1,2", "not a number"),
        ("٣,2", "not a number"),
        ("1,2,3", "3 columns, the header has 2"),
        ("1", "1 columns, the header has 2"),
        ("9" * 29 + "," + "9" * 29, "more than 38 digits"),
    ],
)
def test_a_record_that_is_not_two_numbers_is_rejected_with_its_own_text_and_the_reason(line: str, reason: str):
    """A bad record is rejected with its line, text and reason, and the rows around it are read."""
    first, rejected, last = rows_of(f"a,b\n1,1\n{line}\n2,2\n".encode())
    assert isinstance(rejected, Reject)
    assert (rejected.line, rejected.content) == (3, line)
    assert reason in rejected.reason
    assert [isinstance(record, CsvRow) for record in (first, last)] == [True, True]


def test_blanks_around_a_number_and_empty_lines_are_not_part_of_the_data():
    """Blanks around numbers are stripped, and an empty line is skipped but counts in the line numbers."""
    assert [(r.line, r.a, r.b) for r in rows_of(b"a,b\n\n 1 ,\t2\n") if isinstance(r, CsvRow)] == [(3, "1", "2")]


def test_the_mark_that_spreadsheets_put_first_is_not_part_of_a_column_s_name():
    """A UTF-8 byte order mark before the header does not hide its first column."""
    assert len(rows_of(b"\xef\xbb\xbfa,b\n1,2\n", Dialect("a", "b", encoding=check_encoding("utf-8")))) == 1


def read_until_error(content: bytes, dialect: Dialect = AB) -> tuple[list[CsvRow | Reject], str]:
    found: list[CsvRow | Reject] = []
    with pytest.raises(CsvSourceError) as raised:
        found.extend(read_rows(io.BytesIO(content), dialect, lambda _: None))
    return found, str(raised.value)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'3,4,"he said "so"\n1000000,2000000,x\n"\n', "line 3: not CSV: a quote inside a quoted field is not doubled"),
        (b'3,4,"first\nhe said "so"\n1000000,2000000,x\n"\n', "is not doubled, seen in line 4"),
        (b'"3"4,4,x\n', "line 3: not CSV: a quote inside a quoted field is not doubled"),
        (
            b'3,4,"left open\n1000000,2000000,x\n',
            "line 3: not CSV: a quoted field is still open at the end of the file",
        ),
        (
            b'3,4, "after a blank\n1000000,2000000,x\n"\n',
            "line 3: not CSV: a field begins with blanks and an unclosed quote",
        ),
        (b'3, "note\n1000000,2000000,x\n",4\n', "line 3: not CSV: 2 columns, the header has 3, and an unpaired quote"),
        (b"3\r,4,x\n1000000,2000000,x\n", "line 3: not CSV: a carriage return in the middle of a line"),
    ],
)
def test_where_the_end_of_a_record_is_not_known_the_reading_ends_and_no_line_behind_is_a_row(
    broken: bytes, reason: str
):
    """After broken quoting no row is read, since text inside a field may look like numbers."""
    found, error = read_until_error(b"a,b,note\n1,2,x\n" + broken + b"5,6,y\n")
    assert [(type(record), record.line) for record in found] == [(CsvRow, 2)]
    assert reason in error
    assert "nothing from there on was read" in error


@given(st.lists(st.sampled_from(['"', '""', "\n", "7,8,x\n", " ", ",", "y", "\r\n"]), max_size=12))
def test_a_row_is_only_ever_where_a_strict_parser_of_the_whole_file_begins_one(pieces: list[str]):
    """Every record of a file, however badly quoted, begins where a strict CSV parser begins one, too."""
    content = "a,b,note\n1,2,x\n3,4," + "".join(pieces) + "\n5,6,z\n"
    begins, due = set(), 1
    strict = csv.reader(io.StringIO(content, newline=""), strict=True)
    with suppress(csv.Error):
        for _ in strict:
            begins.add(due)
            due = strict.line_num + 1
    found: list[CsvRow | Reject] = []
    with suppress(CsvSourceError):
        found.extend(read_rows(io.BytesIO(content.encode()), AB, lambda _: None))
    assert {record.line for record in found} <= begins


def test_a_note_of_over_128_kib_is_one_field_and_numbers_in_it_are_no_row():
    """A quoted field of more than 128 KiB is one field, and lines inside it are not read as rows."""
    note = b"x" * 70_000 + b"\n1000000,2000000,x\n" + b"y" * 70_000 + b"\n"
    found = rows_of(b'a,b,note\n1,2,"' + note + b'"\n3,4,z\n')
    assert [(record.line, record.a, record.b) for record in found if isinstance(record, CsvRow)] == [
        (2, "1", "2"),
        (6, "3", "4"),
    ]
    assert len(found) == 2


def test_a_field_may_be_as_long_as_a_record():
    """A field may fill a record up to RECORD_BYTES_MAX; one byte more is an error that names the limit."""
    start = b'a,b,note\n1,2,"'
    note = b"x" * (RECORD_BYTES_MAX - len(b'1,2,""\n'))
    assert [type(record) for record in rows_of(start + note + b'"\n3,4,z\n')] == [CsvRow, CsvRow]
    _, error = read_until_error(start + note + b'x"\n3,4,z\n')
    assert f"line 2: a record longer than {RECORD_BYTES_MAX} bytes" in error


@pytest.mark.parametrize("name", FILES)
def test_every_row_of_a_file_that_was_ever_loaded_keeps_its_request_id(name: str):
    """Rows and request ids of the recorded files never change, so that a repeated load adds nothing."""
    content, dialect = FILES[name]
    source_id = hashlib.sha256(content).hexdigest()
    found = rows_of(content, dialect)
    assert {
        "rows": [[r.line, r.a, r.b, request_id(source_id, r.line)] for r in found if isinstance(r, CsvRow)],
        "rejects": [[r.line, r.reason] for r in found if isinstance(r, Reject)],
    } == RECORDED[name]


def test_a_missing_column_is_told_with_those_that_exist():
    """A column that the header lacks is named in the error, together with the columns it has."""
    with pytest.raises(ColumnError, match=r"no column 'c'; the columns are: a, b"):
        rows_of(b"a,b\n", Dialect("a", "c"))


def test_a_column_that_is_there_twice_is_not_guessed():
    """A column name that stands twice in the header is refused, since either one could be meant."""
    with pytest.raises(ColumnError, match="2 times"):
        rows_of(b"a,a,b\n1,2,3\n")


def test_another_delimiter_in_the_header_is_suggested():
    """A header separated by semicolons leads to an error that suggests --delimiter ';'."""
    with pytest.raises(ColumnError, match="--delimiter ';'"):
        rows_of(b"a;b\n1;2\n")


def test_an_empty_file_has_no_columns():
    """A file without a single byte is refused as empty."""
    with pytest.raises(ColumnError, match="the file is empty"):
        rows_of(b"")


def test_bytes_of_another_encoding_are_told_with_line_and_cure():
    """A byte that is not UTF-8 is reported with its line, position and the option that reads it, which works."""
    with pytest.raises(CsvSourceError, match=r"line 3: byte 0xe9 at position 2 is not utf-8; .*--encoding latin-1"):
        rows_of(b"a,b\n1,1\n2\xe9,2\n")
    assert isinstance(rows_of(b"a,b\n1,1\n2\xe9,2\n", Dialect("a", "b", encoding="latin-1"))[1], Reject)


def test_a_record_without_end_stops_at_a_bound_and_names_the_line_where_it_starts():
    """A record beyond the limit ends the reading with its first line, so that memory stays bounded."""
    with pytest.raises(CsvSourceError, match="line 3: a record longer than"):
        rows_of(b"a,b\n1,1\n" + b"1" * (RECORD_BYTES_MAX + 10))


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_what_cannot_separate_columns_is_refused(delimiter: str):
    """A delimiter that is empty, longer than one character, a quote or a line end is refused."""
    with pytest.raises(ValueError, match="--delimiter"):
        check_delimiter(delimiter)


@pytest.mark.parametrize("encoding", ["nonsense", "utf-16", "utf-32"])
def test_an_encoding_in_which_lines_cannot_be_found_is_refused(encoding: str):
    """An unknown encoding, or one whose line ends are not single bytes, is refused."""
    with pytest.raises(ValueError, match="--encoding"):
        check_encoding(encoding)


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "utf-8", "the file is UTF-16, .*iconv -f UTF-16 -t UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "latin-1", "the file is UTF-16"),
        ("first,second\n1,2\n".encode("utf-16-le"), "utf-8", "the file is UTF-16LE, .*iconv -f UTF-16LE"),
        ("first,second\n1,2\n".encode("utf-16-be"), "utf-8", "the file is UTF-16BE"),
        ("a,b\n1,2\n".encode("utf-32"), "utf-8", "the file is UTF-32"),
        (b"a,b\r1,2\r3,4\r", "utf-8", "lines end with a carriage return alone"),
        (b"a,b\r" + b"1,2\r" * 300_000, "utf-8", "lines end with a carriage return alone"),
        (b"sep=;\na;b\n1;2\n", "utf-8", r"the first line is sep=;, a note for Excel.*--delimiter ';'"),
        (b"sep=,\r\na,b\r\n1,2\r\n", "utf-8", "the first line is sep=,"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "latin-1", r"the byte order mark of UTF-8 \(utf-8-sig\).*--encoding utf-8"),
        (b"PK\x03\x04rest", "utf-8", "a ZIP archive or a spreadsheet"),
        (b"\xfd7zXZ\x00", "utf-8", "packed by xz"),
    ],
)
def test_what_is_no_csv_is_told_by_its_name_with_the_way_on(content: bytes, encoding: str, words: str):
    """UTF-16, Mac line ends, Excel notes, ZIP and xz are recognised by their bytes and refused by name."""
    with pytest.raises(CsvSourceError, match=words):
        rows_of(content, Dialect("a", "b", encoding=check_encoding(encoding)))


def test_a_column_that_is_missing_behind_a_byte_order_mark_is_told_as_any_other():
    """The columns listed for a missing one do not include the byte order mark."""
    with pytest.raises(ColumnError, match="no column 'c'; the columns are: a, b"):
        rows_of(b"\xef\xbb\xbfa,b\n1,2\n", Dialect("a", "c", encoding=check_encoding("utf-8-sig")))


def test_what_looks_like_a_note_for_excel_is_a_header_where_its_columns_are_meant():
    """A header that begins with "sep=" is a header if the user names that column."""
    assert len(rows_of(b"sep=,b\n1,2\n", Dialect("sep=", "b"))) == 1
