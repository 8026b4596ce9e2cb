"""CSV files of every kind that is read, and the request ids that their rows had when they were recorded.

The ids in ``recorded_csv_ids.json`` are what ledgers hold. They are never made anew: a change there counts files again.
"""

import json
from pathlib import Path
from typing import Final

from tally.cli.loading.csv_source import Dialect

FILES: Final[dict[str, tuple[bytes, Dialect]]] = {
    "plain": (b"a,b\n1,2\n-3,4.5\n", Dialect("a", "b")),
    "no newline at the end": (b"a,b\n1,2\n3,4", Dialect("a", "b")),
    "lines end as on Windows": (b"a,b,note\r\n1,2,x\r\n\r\n3,4,y\r\n", Dialect("a", "b")),
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", Dialect("a", "b")),
    "notes over several lines": (
        b'a,note,b\n1,"one\ntwo, ""quoted""\n5,6,7\n",2\n\n3,"x\r\ny",4\n"5",z,"6"\n',
        Dialect("a", "b"),
    ),
    "long note": (b'a,b,note\n1,2,"' + b"x,1\n" * 30_000 + b'"\n3,4,y\n', Dialect("a", "b")),
    "semicolons": (b"a;b;note\n1;2;one, two\n3;4;y\n", Dialect("a", "b", delimiter=";")),
    "tabs": (b"b\ta\n1\t2\n 3 \t4\n", Dialect("a", "b", delimiter="\t")),
    "blanks and rejects": (b"a,b\n 1 ,\t2\nNA,1\n1,2,3\n1.0000000001,1\n4,5\n", Dialect("a", "b")),
    "an inch in a field": (b'a,b,note\n1,2,5" disk\n3,4,say "x" twice\n5,6,7" and 8"\n', Dialect("a", "b")),
    "latin-1": (b"a,b,note\n1,2,caf\xe9\n3,4,y\n", Dialect("a", "b", encoding="latin-1")),
    "one column twice": (b"a,note\n1,x\n2.5,y\n", Dialect("a", "a")),
    "empty lines between": (b"a,b\n\n\n1,2\n\n3,4\n\n", Dialect("a", "b")),
}

RECORDED: Final[dict[str, dict[str, list[list[object]]]]] = json.loads(
    Path(__file__).with_name("recorded_csv_ids.json").read_text(encoding="utf-8")
)
