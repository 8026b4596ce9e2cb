"""What happens under load?"""

from typing import Final

from observability.dashboards.health import CPU, ERRORS, QUEUE_LATENCY, REQUESTS
from observability.dashboards.logs_and_traces import SLOW_CALLS
from observability.dashboards.panels import Board, Panel, Query, Row, name, quantiles, rate

BOARD: Final = Board(
    "tally-load",
    "Tally: under load",
    "What do callers see while the load rises, and which part gives way first?",
    (
        Row(
            "What callers see",
            (
                REQUESTS,
                ERRORS,
                Panel(
                    "Latency of calls",
                    "In a closed loop it rises with each caller; compare it with the rate next to it.",
                    "s",
                    quantiles("rpc.server.call.duration"),
                ),
            ),
        ),
        Row(
            "What gives way",
            (
                CPU,
                QUEUE_LATENCY,
                Panel(
                    "Waiting and lagging",
                    "Additions that wait for a lane, and records that wait for the consumer.",
                    "short",
                    (
                        Query(f"sum ({name('app.queue.records')})", "at the producer"),
                        Query(f"sum ({name('app.consumer.lag')})", "at the consumer"),
                    ),
                ),
                Panel(
                    "Transactions",
                    "Transactions per second; together with the records per second, how large they are.",
                    "short",
                    (
                        Query(rate("app.txn.records"), "transactions"),
                        Query(rate("messaging.client.sent.messages"), "records"),
                    ),
                ),
            ),
        ),
        Row("Traces", (SLOW_CALLS,)),
    ),
)
