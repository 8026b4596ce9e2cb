"""Following every link of every page that a server has, from one address on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

PAGES_MAX: Final = 500
"""More than any of our sites has: a crawl that goes on is a page that links to ever new addresses."""


@dataclass(frozen=True)
class Answer:
    """What an address answers, after its redirects; ``url`` is where it came from at last."""

    url: str
    status: int
    media_type: str
    text: str


@dataclass
class Crawl:
    """What was found: each address with the answer, and each link that leads nowhere, as "page: link: why"."""

    answers: dict[str, Answer] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class _Links(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action") and value is not None:
                self.links.append(value)
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")


def crawl(start: str, get: Callable[[str], Answer]) -> Crawl:
    """Follow all links of HTML pages below ``start``'s origin, what they load and the anchors included."""
    found = Crawl()
    _visit(start, "the start", get, found)
    return found


def _visit(start: str, page: str, get: Callable[[str], Answer], found: Crawl) -> None:
    waiting = [(start, page, start)]
    while waiting:
        url, page, link = waiting.pop()
        address, anchor = urldefrag(url)
        if address not in found.answers:
            assert len(found.answers) < PAGES_MAX, f"over {PAGES_MAX} addresses, the last is {address} on {page}"
            answer = found.answers[address] = get(address)
            if answer.status < 400 and answer.media_type == "text/html":
                for each in _parsed(answer).links:
                    target = urljoin(answer.url, each)
                    if urlsplit(target)[:2] == urlsplit(start)[:2]:
                        waiting.append((target, answer.url, each))
        answer = found.answers[address]
        if answer.status >= 400:
            found.broken.append(f"{page}: {link}: {answer.status}")
        elif anchor and answer.media_type == "text/html" and anchor not in _parsed(answer).anchors:
            found.broken.append(f"{page}: {link}: no such anchor")


def _parsed(answer: Answer) -> _Links:
    links = _Links()
    links.feed(answer.text)
    return links
