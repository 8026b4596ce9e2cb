"""``/``: a small page that leads on."""

from html import escape

from litestar import MediaType, get
from litestar.di import NamedDependency

from common.decimals import text_of
from consumer.core.snapshot import total_of
from consumer.shell.rest.parts import RestParts, now

_LINKS = (
    ("/v1/total", "the total"),
    ("/v1/partitions", "partitions: states, offsets, lag, files"),
    ("/v1/entries", "the ledger, page by page"),
    ("/v1/exports", "exports"),
    ("/health/ready", "ready or not, and why"),
    ("/schema", "the API"),
    ("/metrics", "what is measured, for Prometheus"),
    ("/contracts", "the contracts: records, topics, services, and what changed"),
)


@get("/", media_type=MediaType.HTML, include_in_schema=False)
async def home(parts: NamedDependency[RestParts]) -> str:
    """Return the page."""
    total = total_of(parts.board.snapshot, parts.board.outside)
    whole = "" if total.complete else " (not complete: a partition is not known)"
    reasons = "".join(f"<li>{escape(r.part)}: {escape(r.reason)}</li>" for r in parts.unready())
    links = "".join(f'<li><a href="{path}">{path}</a>: {what}</li>' for path, what in _LINKS)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tally</title>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        "<style>body{font-family:system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}"
        "output{font-size:2rem;overflow-wrap:anywhere}</style>"
        f"<h1>Tally</h1><p>total as of {now()}{whole}</p><p><output>{escape(text_of(total.total))}</output></p>"
        f"<p>{total.counted} counted, {total.duplicates} duplicates, {total.conflicts} conflicts, "
        f"{total.poison} poison</p>"
        + (f"<h2>Not ready</h2><ul>{reasons}</ul>" if reasons else "")
        + f"<h2>More</h2><ul>{links}</ul></html>"
    )
