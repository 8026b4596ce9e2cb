"""Producer and consumer on contracts whose event has one more field, without a broker."""

import subprocess
import sys
from pathlib import Path

from tests_support.contracts.evolution import NextContracts

PROGRAM = """
import numpy as np
from tally.base.framing import unframe
from tally.event.partitions import partition_of
from tally.event.classify import Fetched, decode
from tally.event.codes import NONE, UNDECODABLE
from tally.generated.avro.sum_added import Channel, SumAdded
from producer.core.addition import Addition
from producer.core.calls import Attempt, Call, Waiter
from producer.shell.event_encoder import EventEncoder

ID = bytes(range(16))
AT = partition_of(ID, 12)
TODAY_US, LONG_AGO_US = 1_764_000_000_000_000, 1


def written(now_us):
    # The same alone and in a large batch.
    attempt = Attempt(Addition(ID, 2, 3), AT, Waiter(Call([None], 0.0, 0), 0, False))
    alone, *many = (EventEncoder(7).records([attempt] * count, now_us) for count in (1, 100))
    assert {record.value for record in many[0]} == {alone[0].value}
    return alone[0].value


values = [written(TODAY_US), written(LONG_AGO_US), written(LONG_AGO_US)[:-1]]
event = SumAdded.decode(unframe(values[0])[1])
assert (event.channel, len(values[0])) == (Channel.UNKNOWN, 5 + SumAdded.WIDTH), event
count = len(values)
offsets = np.arange(count)
fetched = Fetched(AT, offsets, offsets, [ID] * count, values)
rows = decode(fetched, partitions=12, fast_schema_ids=frozenset({7}), general=None, verdicts={}).rows
assert rows["reason"].tolist() == [NONE, NONE, UNDECODABLE], rows["reason"]
"""


def test_a_newer_contracts_records_are_written_and_read_by_the_code_of_today(tmp_path: Path) -> None:
    """With only generated code renewed a new field is written at its default; a record without it is undecodable."""
    contracts = NextContracts(tmp_path)
    contracts.add_channel()
    contracts.generate()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=contracts.environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
