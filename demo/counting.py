"""Waiting until the total over REST covers what was acknowledged."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tally.cli.failures import CommandError, UnavailableError
from tally.cli.services.rest import RestService
from tally.client.outcomes import Position

_DEADLINE_S: Final = 120.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class RestTotal:
    """What REST says once it covers a load."""

    total: Decimal
    count: int
    duplicates: int
    conflicts: int
    poison: int


def wait_counted(rest_url: str, positions: Mapping[int, Position]) -> RestTotal:
    """Return the total once it is complete and past these positions. Raises CommandError when it is not in time."""
    deadline_s = time.monotonic() + _DEADLINE_S
    last = "no answer yet"
    with RestService(rest_url) as service:
        while time.monotonic() < deadline_s:
            try:
                answer = service.call("GET", "/v1/total").json()
            except UnavailableError as error:
                last = str(error)
            else:
                behind = _behind(answer, positions)
                if answer["complete"] and not behind:
                    return _counted(answer)
                last = f"complete: {answer['complete']}, behind in partitions {behind}"
            time.sleep(_POLL_S)
    raise CommandError(f"the total does not cover the load after {_DEADLINE_S:.0f} s ({last})")


def _behind(answer: dict[str, Any], positions: Mapping[int, Position]) -> list[int]:
    next_offsets = {each["partition"]: each["next_offset"] or 0 for each in answer["partitions"]}
    return [number for number, place in positions.items() if next_offsets.get(number, 0) <= place.offset]


def _counted(answer: dict[str, Any]) -> RestTotal:
    figures = (answer["count"], answer["duplicates"], answer["conflicts"], answer["poison"])
    return RestTotal(Decimal(answer["total"]), *figures)
