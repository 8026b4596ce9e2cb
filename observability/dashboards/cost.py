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
                    "How late timers run. Above 0.1 s the process has more work than it can do.",
                    "s",
                    (Query(quantile("app.eventloop.lag", 0.99, by="job"), "{{job}}"),),
                ),
                Panel(
                    "Garbage collections",
                    "Runs a second by generation. Generation 2 more than once in some seconds costs latency.",
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
                    "Files and sockets. One that only grows ends in EMFILE.",
                    "short",
                    (Query(f"sum by (job) ({name('process.unix.file_descriptor.count')})", "{{job}}"),),
                ),
            ),
        ),
        Row(
            "Batches",
            (
                Panel(
                    "Records a transaction",
                    "Few under load: the lanes do not gather, and Kafka pays for it.",
                    "short",
                    quantiles("app.txn.records"),
                ),
                Panel("Records a block", "What one fsync covers.", "short", quantiles("app.block.records")),
                Panel(
                    "Kafka's operations, p95",
                    "A slow commit is the broker's; a slow receive is none: it waits for records.",
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
                    "Of a ledger's file. Above 0.1 s the disk is busy or failing; counting goes on, later.",
                    "s",
                    quantiles("app.ledger.fsync.duration"),
                    red_above=0.25,
                ),
                Panel(
                    "From fetch to fsync",
                    "What the consumer needs for a fetch.",
                    "s",
                    quantiles("messaging.process.duration"),
                ),
                Panel(
                    "Telemetry that was dropped",
                    "Items a second that never reached a backend. The services go on without it.",
                    "short",
                    (Query(rate("app.telemetry.dropped", by="job, signal"), "{{job}} {{signal}}"),),
                ),
            ),
        ),
        logs_and_traces.COST,
    ),
)
