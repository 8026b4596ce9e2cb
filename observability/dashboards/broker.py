"""What does the broker do?"""

from typing import Final

from observability.dashboards.health import HEAP
from observability.dashboards.panels import Board, Panel, Query, Row, name, rate

_TIME: Final = name("kafka.request.time")

BOARD: Final = Board(
    "tally-broker",
    "Tally: what does the broker do?",
    "Is Kafka the slow part: its Java, its threads, its disk, or its transactions?",
    (
        Row(
            "Java",
            (
                HEAP,
                Panel(
                    "Broker garbage collection",
                    "Share of the time in which all threads wait for a collector. Above a tenth the heap is too small: "
                    "raise TALLY_KAFKA_HEAP_MB.",
                    "percentunit",
                    (Query(rate("jvm.gc.time", by="gc"), "{{gc}}"),),
                    red_above=0.1,
                ),
                Panel(
                    "Idle request threads",
                    "Share of the time in which the threads that answer have nothing to do. Below 0.3 the broker is at "
                    "its end: fuller transactions, or more cores.",
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
                    "By kind. Many EndTxn with few Produce are transactions that carry little: see the records a "
                    "transaction.",
                    "reqps",
                    (Query(rate("kafka.requests", by="api"), "{{api}}"),),
                ),
                Panel(
                    "Time of requests, p99",
                    "A slow Produce or EndTxn is the broker's disk or CPU. FetchConsumer waits for records on purpose.",
                    "s",
                    (Query(f'max by (api) ({_TIME}{{quantile="0.99"}})', "{{api}}"),),
                ),
                Panel(
                    "Waiting requests",
                    "More than a few for long: the threads that answer do not keep up, look at their idle share.",
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
                    "A second, of all topics. Far above what the producer sent: somebody else writes here.",
                    "short",
                    (Query(rate("kafka.messages"), "records"),),
                ),
                Panel(
                    "Bytes in and out",
                    "More out than in is a consumer that reads again, or a second one.",
                    "Bps",
                    (Query(rate("kafka.network.io", by="direction"), "{{direction}}"),),
                ),
                Panel(
                    "Log size",
                    "On the broker's disk, for ever: the topic is kept whole. Plan the disk by its slope.",
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
                    "Partitions with a transaction that nobody ends. The consumer cannot read past it: restart the "
                    "producer, then see docs/runbooks/transaction-hangs.md.",
                    "none",
                    (Query(f"sum ({name('kafka.partitions.late_transactions')})", "late"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Markers that wait",
                    "Ends of transactions that the coordinator could not write. On one broker more than none is a "
                    "failing disk; on several a broker that is away.",
                    "short",
                    (Query(f"sum by (queue) ({name('kafka.txn.markers.waiting')})", "{{queue}}"),),
                ),
                Panel(
                    "Under-replicated partitions",
                    "Replicas that are behind. On a cluster a broker is away or slow; on one broker there is none.",
                    "none",
                    (Query(f"sum ({name('kafka.partitions.under_replicated')})", "behind"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Offline partitions",
                    "Partitions without a leader. Nobody can write to them: start the broker that has them.",
                    "none",
                    (Query(f"sum ({name('kafka.partitions.offline')})", "offline"),),
                    look="number",
                    red_above=0,
                ),
            ),
        ),
    ),
)
