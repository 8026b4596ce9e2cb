"""What does it cost?"""

from typing import Final

from observability.dashboards import logs_and_traces
from observability.dashboards.health import CPU, MEMORY
from observability.dashboards.panels import Board, Panel, Query, Row, name, quantile, quantiles, rate

_OPERATION: Final = "messaging.client.operation.duration"

BOARD: Final = Board(
    "tally-cost",
    "Tally: what does it cost?",
    "Which part is the bottleneck: CPU, Kafka, the disk, or small batches?",
    (
        Row(
            "Processes",
            (
                CPU,
                MEMORY,
                Panel(
                    "Event loop lag, p99",
                    "How late timers run. Above 0.1 s the process has more work than it can handle.",
                    "s",
                    (Query(quantile("app.eventloop.lag", 0.99, by="job"), "{{job}}"),),
                ),
                Panel(
                    "Garbage collections",
                    "Runs per second by generation. Generation 2 more than once every few seconds costs latency.",
                    "short",
                    (
                        Query(
                            rate("cpython.gc.collections", by="job, cpython_gc_generation"),
                            "{{job}} {{cpython_gc_generation}}",
                        ),
                    ),
                ),
                Panel(
                    "Open files",
                    "Files and sockets. If the number only grows, it will end in EMFILE.",
                    "short",
                    (Query(f"sum by (job) ({name('process.unix.file_descriptor.count')})", "{{job}}"),),
                ),
            ),
        ),
        Row(
            "Batches",
            (
                Panel(
                    "Records per transaction",
                    "Few under load mean that the lanes do not batch, which costs Kafka time.",
                    "short",
                    quantiles("app.txn.records"),
                ),
                Panel("Records per block", "What one fsync covers.", "short", quantiles("app.block.records")),
                Panel(
                    "Kafka's operations, p95",
                    "A slow commit is the broker's fault; a slow receive is normal, since it waits for records.",
                    "s",
                    (
                        Query(
                            quantile(_OPERATION, 0.95, by="job, messaging_operation_name"),
                            "{{job}} {{messaging_operation_name}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Disk",
            (
                Panel(
                    "fsync",
                    "Of a ledger file. Above 0.1 s the disk is busy or failing; counting continues, but later.",
                    "s",
                    quantiles("app.ledger.fsync.duration"),
                    red_above=0.25,
                ),
                Panel(
                    "From fetch to fsync",
                    "How long the consumer needs for the records of a fetch.",
                    "s",
                    quantiles("messaging.process.duration"),
                ),
                Panel(
                    "Dropped telemetry",
                    "Items per second that never reached a backend. The services continue without it.",
                    "short",
                    (Query(rate("app.telemetry.dropped", by="job, signal"), "{{job}} {{signal}}"),),
                ),
            ),
        ),
        logs_and_traces.COST,
    ),
)
