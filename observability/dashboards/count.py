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
    "Is what was sent also counted, once, and what was not counted and why?",
    (
        Row(
            "The way of a record",
            (
                Panel(
                    "Sent, consumed, counted",
                    "Records a second at each station. They run together; consumed far above sent is a replay after a "
                    "restart, sent without consumed is a consumer that stands: `just status`, then its log.",
                    "short",
                    (
                        Query(rate("messaging.client.sent.messages"), "sent"),
                        Query(rate("messaging.client.consumed.messages"), "consumed"),
                        Query(rate("app.ledger.records"), "in ledgers"),
                    ),
                ),
                Panel(
                    "Lag by partition",
                    "One partition that stands while others move is paused or refused: `/v1/partitions`.",
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
                    "Retries that were recognised. Many are no fault; they tell of slow answers or restarts.",
                    "short",
                    (_rows("DUPLICATE"),),
                    look="number",
                ),
                Panel(
                    "Conflicts",
                    "Ids that came again with other numbers. The first ones count. Each is a caller's defect: the id's "
                    "page `/v1/requests/ID` shows both.",
                    "short",
                    (_rows("CONFLICT"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Poison",
                    "Records that are no additions. They are in the dead-letter topic: `tally replay-dlt` repairs.",
                    "short",
                    (_rows("POISON"),),
                    look="number",
                    red_above=0,
                ),
                Panel(
                    "Refused partitions",
                    "Nothing of them is counted until a person decides: `/v1/partitions` tells the command.",
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
                    "Transactions that were given up, a second. Their additions are tried again, or answered as not "
                    "committed. Some are the price of a killed broker; a steady rate is none.",
                    "short",
                    (Query(rate("app.txn.aborts"), "aborts"),),
                ),
            ),
        ),
        logs_and_traces.COUNT,
    ),
)
