"""What does the broker do?"""

from typing import Final

from observability.dashboards.health import HEAP
from observability.dashboards.panels import Board, Panel, Query, Row, name, rate

_TIME: Final = name("kafka.request.time")

BOARD: Final = Board(
    "tally-broker",
    "Tally: what does the broker do?",
    "Is Kafka the slow part: its JVM, its threads, its disk, or its transactions?",
    (
        Row(
            "JVM",
            (
                HEAP,
                Panel(
                    "Broker garbage collection",
                    "Share of time in which all threads wait for a collector. Above a tenth the heap is too small: "
                    "raise TALLY_KAFKA_HEAP_MB.",
                    "percentunit",
                    (Query(rate("jvm.gc.time", by="gc"), "{{gc}}"),),
                    red_above=0.1,
                ),
                Panel(
                    "Idle request threads",
                    "Share of time in which the threads that answer requests are idle. Below 0.3 the broker is at its "
                    "limit: it needs larger transactions or more cores.",
                    "percentunit",
                    (Query(f"min ({name('kafka.request.idle')})", "idle"),),
                ),
            ),
        ),
        Row(
            "Requests",
            (
                Panel(
                    "Requests to the broker",
                    "By kind. Many EndTxn and few Produce mean small transactions: see the records per transaction.",
                    "reqps",
                    (Query(rate("kafka.requests", by="api"), "{{api}}"),),
                ),
                Panel(
                    "Request time, p99",
                    "A slow Produce or EndTxn comes from the broker's disk or CPU. FetchConsumer waits for "
                    "records on purpose.",
                    "s",
                    (Query(f'max by (api) ({_TIME}{{quantile="0.99"}})', "{{api}}"),),
                ),
                Panel(
                    "Waiting requests",
                    "If more than a few wait for long, the threads that answer cannot keep up: look at their "
                    "idle share.",
                    "short",
                    (Query(f"sum ({name('kafka.request.queue')})", "waiting"),),
                ),
            ),
        ),
        Row(
            "Log",
            (
                Panel(
                    "Records appended",
                    "Per second, in all topics. If it is far above what the producer sent, somebody else writes here.",
                    "short",
                    (Query(rate("kafka.messages"), "records"),),
                ),
                Panel(
                    "Bytes in and out",
                    "More out than in means a consumer that reads again, or a second one.",
                    "Bps",
                    (Query(rate("kafka.network.io", by="direction"), "{{direction}}"),),
                ),
                Panel(
                    "Log size",
                    "On the broker's disk. The topic is kept for ever: plan the disk by the slope.",
                    "bytes",
                    (
                        Query(
                            f"sum by (messaging_destination_name) ({name('kafka.log.size')})",
                            "{{messaging_destination_name}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Transactions and replicas",
            (
                Panel(
                    "Late transactions",
                    "Partitions with a transaction that never ends. The consumer cannot read past it: restart the "
                    "producer, then see docs/runbooks/transaction-hangs.md.",
                    "none",
                    (Query(f"sum ({name('kafka.partitions.late_transactions')})", "late"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Waiting markers",
                    "Transaction markers that the coordinator could not write yet. On a single broker any of "
                    "them means "
                    "a failing disk; in a cluster, a broker that is down.",
                    "short",
                    (Query(f"sum by (queue) ({name('kafka.txn.markers.waiting')})", "{{queue}}"),),
                ),
                Panel(
                    "Under-replicated partitions",
                    "Partitions with a replica that is behind. In a cluster a broker is down or slow; with one "
                    "broker always 0.",
                    "none",
                    (Query(f"sum ({name('kafka.partitions.under_replicated')})", "behind"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Offline partitions",
                    "Partitions without a leader. Nobody can write to or read them: start the broker that has them.",
                    "none",
                    (Query(f"sum ({name('kafka.partitions.offline')})", "offline"),),
                    look="number",
                    red_above=0,
                ),
            ),
        ),
    ),
)
