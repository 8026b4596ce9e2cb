"""The HTML of the contracts' pages: plain, self-contained, the same bytes everywhere. Everything shown is escaped."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from codegen.tree import PAGE_MARK

_CODE: Final = re.compile(r"`([^`]+)`")
_STYLE: Final = (
    ":root{color-scheme:light dark;--line:#8884;--dim:#777;--accent:#0a6ebd}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem;overflow-wrap:anywhere}h2{margin-top:2.2rem;font-size:1.2rem}h3{font-size:1.05rem}"
    "a{color:var(--accent)}code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}"
    "th{color:var(--dim);font-weight:600}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}"
    "dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}.dim{color:var(--dim)}ul{padding-left:1.2rem}"
)


def code(text: str) -> str:
    """Return a name or value as it stands in a file."""
    return f"<code>{escape(text)}</code>" if text else ""


def link(page: str, text: str) -> str:
    """Return a link to another page."""
    return f'<a href="{quote(page)}">{code(text)}</a>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are HTML. Empty without rows."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    if not body:
        return ""
    heads = "".join(f"<th>{escape(one)}</th>" for one in head)
    return f'<div class="scroll"><table>\n<tr>{heads}</tr>\n{body}</table></div>\n'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of names and values; values are HTML, and empty ones are left out."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>\n" for name, value in pairs if value)
    return f"<dl>\n{lines}</dl>\n"


def items(lines: Iterable[str]) -> str:
    """Return a list of lines of HTML."""
    return "<ul>\n" + "".join(f"<li>{line}</li>\n" for line in lines) + "</ul>\n"


def prose(text: str) -> str:
    """Return a text with its paragraphs; between backticks stands code."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "".join(f"<p>{in_line(part)}</p>\n" for part in paragraphs if part)


def in_line(text: str) -> str:
    """Return a sentence; between backticks stands code."""
    parts = _CODE.split(text)
    return "".join(code(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def page(title: str, body: str, *, home: bool = True) -> str:
    """Return a whole page."""
    back = '<p><a href="index.html">All contracts</a></p>\n' if home else ""
    return (
        f'{PAGE_MARK}\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n"
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n{back}<h1>{escape(title)}</h1>\n{body}</html>\n"
    )
