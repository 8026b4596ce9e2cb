"""Is the count right?"""

from typing import Final

from observability.dashboards import logs_and_traces
from observability.dashboards.panels import Board, Panel, Query, Row, name, rate

_RECORDS: Final = name("app.ledger.records")


def _rows(kind: str) -> Query:
    return Query(f'sum ({_RECORDS}{{kind="{kind}"}})', kind)


BOARD: Final = Board(
    "tally-count",
    "Tally: is the count right?",
    "Was everything that was sent counted once? What was not counted, and why?",
    (
        Row(
            "The path of a record",
            (
                Panel(
                    "Sent, consumed, counted",
                    "Records per second at each stage. The lines run together. Consumed far above sent is a "
                    "replay after a "
                    "restart; sent without consumed is a consumer that is stuck: `./justw status`, then its log.",
                    "short",
                    (
                        Query(rate("messaging.client.sent.messages"), "sent"),
                        Query(rate("messaging.client.consumed.messages"), "consumed"),
                        Query(rate("app.ledger.records"), "in ledgers"),
                    ),
                ),
                Panel(
                    "Lag by partition",
                    "If one partition stands still while others move, it is paused, refused or held up: see "
                    "`/v1/partitions`.",
                    "short",
                    (Query(f"sum by (partition) ({name('app.consumer.lag')})", "partition {{partition}}"),),
                ),
            ),
        ),
        Row(
            "Verdicts",
            (
                Panel("Counted", "Distinct request ids in the total.", "short", (_rows("COUNTED"),), look="number"),
                Panel(
                    "Duplicates",
                    "Retries that were recognised. Many are no error, but a sign of slow answers or restarts.",
                    "short",
                    (_rows("DUPLICATE"),),
                    look="number",
                ),
                Panel(
                    "Conflicts",
                    "Ids that came again with other numbers. The first numbers count. Each is a bug of a caller: "
                    "`/v1/requests/ID` shows both.",
                    "short",
                    (_rows("CONFLICT"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Poison",
                    "Records that are not additions. They are in the dead-letter topic: see `tally replay-dlt`.",
                    "short",
                    (_rows("POISON"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Refused partitions",
                    "Nothing in them is counted until a person decides: `/v1/partitions` gives the command.",
                    "none",
                    (Query(f'sum ({name("app.partition.state")}{{state="REFUSED"}})', "refused"),),
                    look="number",
                    red_above=0,
                ),
            ),
        ),
        Row(
            "Transactions",
            (
                Panel(
                    "Aborts",
                    "Transactions given up per second. Their additions are retried, or answered as not committed. "
                    "A few are normal after a broker was killed; a steady rate is not.",
                    "short",
                    (Query(rate("app.txn.aborts"), "aborts"),),
                ),
                Panel(
                    "Held up",
                    "For how long a transaction that is not ours has been open in a partition. Nothing behind it can "
                    "be counted: see docs/runbooks/transaction-hangs.md.",
                    "s",
                    (Query(f"max by (partition) ({name('app.partition.held')})", "partition {{partition}}"),),
                ),
            ),
        ),
        logs_and_traces.COUNT,
    ),
)
