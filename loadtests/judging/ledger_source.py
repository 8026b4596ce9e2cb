"""The ledger's rows of a run, exported over REST as an auditor would: from native services and containers alike."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from loadtests.errors import LoadError
from loadtests.judging.verdict import ROW_DTYPE
from loadtests.target import rest_client
from tally.event.decimals import value_of

CLOCKS_APART: Final = timedelta(minutes=1)
"""An export begins a little before the run: the ledger's clock may differ from ours."""
_POLL_S: Final = 0.2
_EXPORT_S: Final = 3_600.0
_CALL_S: Final = 30.0
_BLOCK_BYTES: Final = 8 << 20
_COLUMNS: Final = ("kind", "request_id", "sum")


@contextmanager
def exported_rows(
    rest_url: str, tag: bytes, started_at: datetime, folder: Path
) -> Iterator[tuple[Iterator[NDArray[np.void]], Path]]:
    """Yield the COUNTED rows of a run and a folder for the verdict's buckets; neither is kept. Raises LoadError."""
    export, buckets = folder / "export.csv", folder / "buckets"
    try:
        fetch_export(rest_url, started_at - CLOCKS_APART, export)
        yield counted_rows(export, tag), buckets
    finally:
        export.unlink(missing_ok=True)
        shutil.rmtree(buckets, ignore_errors=True)


def fetch_export(rest_url: str, since: datetime, file: Path) -> None:
    """Export what was counted since a time into a CSV file, and delete the export. Raises LoadError."""
    try:
        with rest_client(rest_url, _CALL_S) as rest:
            order = {"format": "csv", "from": since.isoformat()}
            record = _asked(rest.post("/v1/exports", json=order))
            place = f"/v1/exports/{record['id']}"
            deadline_s = time.monotonic() + _EXPORT_S
            while record["state"] != "DONE":
                if record["state"] == "FAILED" or time.monotonic() > deadline_s:
                    why = record.get("error") or f"it is not done within {_EXPORT_S:.0f} s"
                    raise LoadError(f"the export of the ledger is {record['state']}: {why}")
                time.sleep(_POLL_S)
                record = _asked(rest.get(place))
            with rest.stream("GET", f"{place}/file") as answer, file.open("wb") as out:
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    out.write(chunk)
            rest.delete(place)
    except httpx.HTTPError as error:
        raise LoadError(f"the ledger cannot be exported from {rest_url}: {error or type(error).__name__}") from error


def counted_rows(file: Path, tag: bytes) -> Iterator[NDArray[np.void]]:
    """Yield the COUNTED rows of a run's ids, in chunks of ``ROW_DTYPE`` that a few megabytes of CSV make."""
    text = tag.hex()
    prefix = f"{text[:8]}-{text[8:]}"
    reader = pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(_COLUMNS), column_types=dict.fromkeys(_COLUMNS, pyarrow.string())
        ),
    )
    for batch in reader:
        kinds, ids = batch.column("kind"), batch.column("request_id")
        chosen = batch.filter(pc.and_(pc.equal(kinds, "COUNTED"), pc.starts_with(ids, prefix)))
        if chosen.num_rows:
            pairs = zip(chosen.column("request_id").to_pylist(), chosen.column("sum").to_pylist(), strict=True)
            yield np.frombuffer(b"".join(_row(request_id, text) for request_id, text in pairs), ROW_DTYPE)


def _row(request_id: str, text: str) -> bytes:
    return bytes.fromhex(request_id.replace("-", "")) + value_of(text).to_bytes(16, "big", signed=True)


def _asked(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise LoadError(f"{answer.request.url} answered {answer.status_code}: {answer.text[:300]}")
    return answer.json()
