"""Is it healthy?"""

from typing import Final

from observability.dashboards import logs_and_traces
from observability.dashboards.panels import Board, Panel, Query, Row, buckets, name, quantile, quantiles, rate

FAULTS: Final = 'rpc_response_status_code=~"UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS"'
"""The codes of failures that are the service's fault, not the caller's."""

_SERVER_ERRORS: Final = 'http_response_status_code=~"5.."'
_CALLS: Final = "rpc.server.call.duration"
_HTTP: Final = "http.server.request.duration"

CPU: Final = Panel(
    "CPU",
    "Cores in use by each service and the broker. A service near 1 core is at the limit of one Python process: send "
    "fewer, larger batches (AddBatch), or add a replica.",
    "cores",
    (Query(rate("process.cpu.time", by="job"), "{{job}}"),),
)
MEMORY: Final = Panel(
    "Memory",
    "Resident memory. The consumer grows by 63 to 75 bytes per id; any other steady growth is a leak.",
    "bytes",
    (Query(f"sum by (job) ({name('process.memory.usage')})", "{{job}}"),),
)
ERRORS: Final = Panel(
    "Error rate",
    "Share of calls that failed through the service's fault: gRPC codes such as UNAVAILABLE, and HTTP 5xx. Look at the "
    "lanes and partitions below, then `./justw logs producer`.",
    "percentunit",
    (
        Query(f"({rate(_CALLS, where=FAULTS)} or vector(0)) / {rate(_CALLS)}", "gRPC"),
        Query(f"({rate(_HTTP, where=_SERVER_ERRORS)} or vector(0)) / {rate(_HTTP)}", "REST 5xx"),
    ),
    red_above=0.001,
)
REQUESTS: Final = Panel(
    "Requests per second",
    "Answered calls, by method. If it drops while callers are busy, look at the error rate and the queue.",
    "reqps",
    (Query(rate(_CALLS, by="rpc_method"), "{{rpc_method}}"), Query(rate(_HTTP), "REST")),
)
QUEUE_LATENCY: Final = Panel(
    "Queue latency",
    "Time from the timestamp of a record in Kafka until it was in an fsynced ledger. If it grows, the consumer is "
    "behind: look at lag and fsync.",
    "s",
    quantiles("app.queue.latency"),
    red_above=5,
)
HEAP: Final = Panel(
    "Broker JVM heap",
    "Share of its heap that Kafka's JVM uses; it falls with each collection. If it stays above 0.85, raise "
    "TALLY_KAFKA_HEAP_MB.",
    "percentunit",
    (Query(f'{name("jvm.memory.used")}{{area="heap"}} / {name("jvm.memory.max")}{{area="heap"}}', "{{job}}"),),
    red_above=0.85,
)

BOARD: Final = Board(
    "tally-health",
    "Tally: is it healthy?",
    "Does the system answer, how fast, and which part is in trouble?",
    (
        Row("At a glance", (CPU, MEMORY, HEAP, ERRORS, REQUESTS, QUEUE_LATENCY)),
        Row(
            "Calls",
            (
                Panel(
                    "Latency of gRPC calls",
                    "From the request to the answer, which comes after the commit. Exemplars lead to a trace.",
                    "s",
                    quantiles(_CALLS),
                ),
                Panel(
                    "Calls by status",
                    "INVALID_ARGUMENT and ALREADY_EXISTS are the caller's errors; RESOURCE_EXHAUSTED means a "
                    "full queue.",
                    "reqps",
                    (Query(rate(_CALLS, by="rpc_response_status_code"), "{{rpc_response_status_code}}"),),
                ),
                Panel(
                    "Latency, all calls",
                    "How calls are distributed over the buckets.",
                    "s",
                    buckets(_CALLS),
                    look="heatmap",
                ),
                Panel(
                    "Latency of REST, p95",
                    "By route. `min_position` waits on purpose.",
                    "s",
                    (Query(quantile(_HTTP, 0.95, by="http_route"), "{{http_route}}"),),
                ),
            ),
        ),
        Row(
            "Parts",
            (
                Panel(
                    "Ready",
                    "1 is ready. If a service is not, its log says why; the consumer's /health/ready does, too.",
                    "none",
                    (Query(f"min by (job) ({name('app.ready')})", "{{job}}"),),
                    look="number",
                ),
                Panel(
                    "Lag",
                    "Records that are committed but not yet in a ledger. It must fall when the load stops.",
                    "short",
                    (Query(f"sum ({name('app.consumer.lag')})", "all partitions"),),
                ),
                Panel(
                    "Partitions by state",
                    "All must be RUNNING. REFUSED needs a person: `/v1/partitions` gives the reason and the remedy.",
                    "none",
                    (Query(f"sum by (state) ({name('app.partition.state')})", "{{state}}"),),
                ),
                Panel(
                    "Lanes by state",
                    "All must be READY. A lane without a client waits for Kafka.",
                    "none",
                    (Query(f"sum by (state) ({name('app.lane.state')})", "{{state}}"),),
                ),
                Panel(
                    "Waiting additions",
                    "The producer's queue. When it is full, calls get RESOURCE_EXHAUSTED: callers are too fast, "
                    "or Kafka is slow.",
                    "short",
                    (Query(f"sum ({name('app.queue.records')})", "waiting"),),
                ),
                Panel(
                    "Warnings and errors in the logs",
                    "Lines per second, with suppressed repetitions: `./justw run tally logs 'severity_text:ERROR'`.",
                    "short",
                    (Query(rate("app.log.records", by="job, level"), "{{job}} {{level}}"),),
                ),
            ),
        ),
        *logs_and_traces.HEALTH,
    ),
)
