"""The history of a client's attempts in a file, which ``tally verify --topic`` holds against topic and ledgers.

Every attempt of every addition is one line, appended before the caller learns the answer: what a caller knows, the
file knows. An attempt that is cut off with the process has no line; nothing is known of it.
"""

from dataclasses import replace
from pathlib import Path

from oracle.history import Call, HistoryFile, Outcome
from tally.client.outcomes import Addition, Committed
from tally.client.sending import Attempt, Reply


class AttemptLog:
    """Appends attempts to a history file."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises oracle.history.HistoryError when another process writes it, and OSError."""
        self._file = HistoryFile(path)

    def __call__(self, attempt: Attempt) -> None:
        """Append an attempt."""
        pairs = zip(attempt.additions, attempt.replies, strict=True)
        self._file.write(calls=[_call(addition, reply, attempt) for addition, reply in pairs])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _call(addition: Addition, reply: Reply, attempt: Attempt) -> Call:
    unknown = Call(
        request_id=addition.request_id,
        a=addition.a,
        b=addition.b,
        outcome=Outcome.UNKNOWN,
        started_s=attempt.started_s,
        ended_s=attempt.ended_s,
        deadline_s=attempt.timeout_s,
    )
    if isinstance(reply, Committed):
        place = reply.position
        return replace(
            unknown,
            outcome=Outcome.OK,
            sum=reply.sum,
            duplicate=reply.duplicate,
            partition=place.partition,
            offset=place.offset,
        )
    outcome = Outcome.FAIL if reply.not_committed else Outcome.UNKNOWN
    return replace(unknown, outcome=outcome, status=reply.status, detail=reply.reason)
