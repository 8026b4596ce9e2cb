"""Reading two columns of a CSV file."""

import csv
import io
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.csv_source import (
    RECORD_BYTES_MAX,
    ColumnError,
    CsvSourceError,
    Dialect,
    Reject,
    Row,
    check_delimiter,
    check_encoding,
    read_rows,
)
from common import decimals

AB = Dialect("a", "b")


def rows_of(content: bytes, dialect: Dialect = AB) -> list[Row | Reject]:
    return list(read_rows(io.BytesIO(content), dialect, lambda _: None))


NUMBERS = st.from_regex(decimals.GRAMMAR, fullmatch=True)
NOTES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(NUMBERS, NOTES, NUMBERS), max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_numbers_come_back_exactly_with_the_line_where_their_record_starts(records, end):
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
        if isinstance(row, Row):
            with localcontext(prec=100):
                assert Decimal(row.sum_unscaled).scaleb(-9) == total
        else:
            assert abs(total) >= Decimal(10) ** 29
            assert "more than 38 digits" in row.reason


@given(st.binary(max_size=300))
def test_any_bytes_end_in_records_or_in_an_error_that_names_the_line(content: bytes):
    try:
        found = rows_of(b"a,b\n" + content)
    except CsvSourceError as error:
        assert "line" in str(error)  # noqa: PT017  # either end is right, hence no pytest.raises
    else:
        assert [record.line for record in found] == sorted({record.line for record in found})


@given(st.binary(max_size=200))
def test_every_byte_of_the_file_is_reported_once(content: bytes):
    content = b"a,b\n" + content.replace(b"\r", b"").decode("latin-1").encode()
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
        ('"1"x,2', "not CSV"),
    ],
)
def test_a_record_that_is_not_two_numbers_is_rejected_with_its_own_text_and_the_reason(line: str, reason: str):
    first, rejected, last = rows_of(f"a,b\n1,1\n{line}\n2,2\n".encode())
    assert isinstance(rejected, Reject)
    assert (rejected.line, rejected.content) == (3, line)
    assert reason in rejected.reason
    assert [isinstance(record, Row) for record in (first, last)] == [True, True]


def test_blanks_around_a_number_and_empty_lines_are_not_part_of_the_data():
    assert [(r.line, r.a, r.b) for r in rows_of(b"a,b\n\n 1 ,\t2\n") if isinstance(r, Row)] == [(3, "1", "2")]


def test_the_mark_that_spreadsheets_put_first_is_not_part_of_a_column_s_name():
    assert len(rows_of(b"\xef\xbb\xbfa,b\n1,2\n", Dialect("a", "b", encoding=check_encoding("utf-8")))) == 1


def test_a_quote_that_is_left_open_is_rejected_as_one_record():
    _, rejected = rows_of(b'a,b\n1,1\n1,"2\n3,3\n')
    assert isinstance(rejected, Reject)
    assert (rejected.line, rejected.content) == (3, '1,"2\n3,3')


def test_a_missing_column_is_told_with_those_that_exist():
    with pytest.raises(ColumnError, match=r"no column 'c'; the columns are: a, b"):
        rows_of(b"a,b\n", Dialect("a", "c"))


def test_a_column_that_is_there_twice_is_not_guessed():
    with pytest.raises(ColumnError, match="2 times"):
        rows_of(b"a,a,b\n1,2,3\n")


def test_another_delimiter_in_the_header_is_suggested():
    with pytest.raises(ColumnError, match="--delimiter ';'"):
        rows_of(b"a;b\n1;2\n")


def test_an_empty_file_has_no_columns():
    with pytest.raises(ColumnError, match="the file is empty"):
        rows_of(b"")


def test_bytes_of_another_encoding_are_told_with_line_and_cure():
    with pytest.raises(CsvSourceError, match=r"line 3: byte 0xe9 at position 2 is not utf-8; .*--encoding latin-1"):
        rows_of(b"a,b\n1,1\n2\xe9,2\n")
    assert isinstance(rows_of(b"a,b\n1,1\n2\xe9,2\n", Dialect("a", "b", encoding="latin-1"))[1], Reject)


def test_a_record_without_end_stops_at_a_bound_and_names_the_line_where_it_starts():
    with pytest.raises(CsvSourceError, match="line 3: a record longer than"):
        rows_of(b"a,b\n1,1\n" + b"1" * (RECORD_BYTES_MAX + 10))


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_what_cannot_separate_columns_is_refused(delimiter: str):
    with pytest.raises(ValueError, match="--delimiter"):
        check_delimiter(delimiter)


@pytest.mark.parametrize("encoding", ["nonsense", "utf-16", "utf-32"])
def test_an_encoding_in_which_lines_cannot_be_found_is_refused(encoding: str):
    with pytest.raises(ValueError, match="--encoding"):
        check_encoding(encoding)
