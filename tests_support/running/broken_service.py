"""A service with one defect, for tests that must notice: ``python -m tests_support.running.broken_service SERVICE``.

The producer answers OK to every fifth transaction and aborts it. The consumer leaves a record out of every fifth block.
"""

import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

EVERY = 5


def break_producer() -> None:
    """Let the producer acknowledge what is not committed."""
    from tally.kafka.transaction_port import CommitReturned
    from tally.kafka.transactions import KafkaTransactions

    commit: Callable[..., Any] = KafkaTransactions.commit
    numbers = itertools.count(1)

    def broken(self: KafkaTransactions, timeout_s: float) -> Any:
        if next(numbers) % EVERY:
            return commit(self, timeout_s)
        self.abort()
        return CommitReturned()

    KafkaTransactions.commit = broken  # type: ignore[method-assign]


def break_consumer() -> None:
    """Let the consumer skip records."""
    from consumer.shell.ingest import blocks

    module: Any = blocks
    fold: Callable[..., Any] = module.fold
    numbers = itertools.count(1)

    def broken(state: Any, decoded: Any, index: Any) -> Any:
        if next(numbers) % EVERY == 0:
            decoded = replace(decoded, rows=decoded.rows[1:])
        return fold(state, decoded, index)

    module.fold = broken


def main() -> int:
    """Break and run one service."""
    if sys.argv[1] == "producer":
        break_producer()
        from producer.__main__ import main as serve
    else:
        break_consumer()
        from consumer.__main__ import main as serve
    return serve([])


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
