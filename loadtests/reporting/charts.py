"""Line charts as SVG, for a page that needs nothing else. No I/O."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

Line = Sequence[tuple[float, float]]
Band = tuple[float, float, str]
"""From when to when something happened, in seconds, and what."""

STYLE: Final = """
figure{margin:0 0 18px}figcaption span{margin-left:12px}figcaption i{display:inline-block;width:10px;height:10px;
margin-right:4px}svg{width:100%;font-size:11px;fill:#475569}polyline{fill:none;stroke-width:1.5}
.grid{stroke:#e2e8f0}.band{fill:#d9480f;opacity:0.18}
"""
"""What a page with charts has in its style."""

_WIDTH: Final = 860
_HEIGHT: Final = 200
_LEFT: Final = 60
_BOTTOM: Final = 24
_TOP: Final = 10
_TICKS: Final = 4
_POINTS_MAX: Final = 800
_COLOURS: Final = ("#2563eb", "#d97706", "#dc2626", "#059669", "#7c3aed", "#64748b")


def line_chart(title: str, unit: str, lines: Mapping[str, Line], bands: Sequence[Band] = ()) -> str:
    """Return a chart of several lines over seconds, with a legend; both axes begin at 0."""
    ends = [x for line in lines.values() for x, _ in line] + [end for _, end, _ in bands]
    right = max(ends, default=0.0) or 1.0
    top = max((y for line in lines.values() for _, y in line), default=0.0) or 1.0
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for begin, end, what in bands:
        x, width = _x(begin, right), max(1.5, _x(end, right) - _x(begin, right))
        place = f'x="{x:.1f}" width="{width:.1f}" y="{_TOP}" height="{_HEIGHT - _BOTTOM - _TOP}"'
        parts.append(f'<rect {place} class="band"><title>{escape(what)}</title></rect>')
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _y(value, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_tick(value)}</text>')
        at_s = right * tick / _TICKS
        anchor = "end" if tick == _TICKS else "middle"
        parts.append(f'<text x="{_x(at_s, right):.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{at_s:.0f} s</text>')
    for number, line in enumerate(lines.values()):
        points = " ".join(f"{_x(x, right):.1f},{_y(y, top):.1f}" for x, y in _thinned(line))
        parts.append(f'<polyline points="{points}" stroke="{_colour(number)}"/>')
    parts.append("</svg>")
    legend = " ".join(
        f'<span><i style="background:{_colour(number)}"></i>{escape(name)}</span>' for number, name in enumerate(lines)
    )
    return f"<figure><figcaption><b>{escape(title)}</b>, {escape(unit)} {legend}</figcaption>{''.join(parts)}</figure>"


def _thinned(line: Line) -> Line:
    """Return at most ``_POINTS_MAX`` points; of each group the highest, so that no peak is lost."""
    step = -(-len(line) // _POINTS_MAX)
    if step <= 1:
        return line
    return [max(line[at : at + step], key=lambda point: point[1]) for at in range(0, len(line), step)]


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _x(value: float, right: float) -> float:
    return _LEFT + (_WIDTH - _LEFT) * value / right


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top)


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]
