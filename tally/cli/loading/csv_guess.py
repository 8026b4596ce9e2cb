"""What a file that cannot be read as CSV really is, judged by its first line, and the command that mends it.

Asked only after the reading failed, so nothing that can be read is ever refused by a guess.
"""

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_PACKED: Final = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
}
_SEPARATOR = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=(.)"?\r?\n', re.IGNORECASE)


def diagnosis_of(first: bytes, encoding: str) -> str | None:
    """Return what the file is, by its first line and the encoding it was read with; None when nothing is known."""
    return _by_encoding(first, encoding) or _by_packing(first) or _by_lines(first)


def _by_encoding(first: bytes, encoding: str) -> str | None:
    name = next((name for mark, name in _MARKS if first.startswith(mark)), None)
    head = first[:64]
    if name is None and len(head) >= 8:
        # Letters of ASCII have a zero in each pair of bytes.
        name = "UTF-16LE" if not any(head[1::2]) else "UTF-16BE" if not any(head[0:-1:2]) else None
    if name is not None:
        return (
            f"the file is {name}, in which lines cannot be told apart: convert it, iconv -f {name} -t UTF-8 FILE > NEW"
        )
    if first.startswith(codecs.BOM_UTF8) and encoding != "utf-8-sig":
        return (
            "the file begins with the byte order mark of UTF-8 (utf-8-sig): leave out --encoding, or give "
            "--encoding utf-8"
        )
    return None


def _by_packing(first: bytes) -> str | None:
    what = next((what for start, what in _PACKED.items() if first.startswith(start)), None)
    return f"the file is {what}: unpack it, or export it as CSV" if what else None


def _by_lines(first: bytes) -> str | None:
    separator = _SEPARATOR.match(first)
    if separator is not None:
        given = separator[1].decode("latin-1")
        return (
            f"the first line is sep={given}, a note for Excel; the header must be first: delete that line and give "
            f"--delimiter {given!r}"
        )
    if b"\r" in first and b"\n" not in first:
        return "lines end with a carriage return alone, as on old Macs: convert the file, tr '\\r' '\\n' < FILE > NEW"
    return None
