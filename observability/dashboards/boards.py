"""All dashboards, one a question."""

from typing import Final

from observability.dashboards import cost, count, health, load
from observability.dashboards.panels import Board

BOARDS: Final[tuple[Board, ...]] = (health.BOARD, count.BOARD, cost.BOARD, load.BOARD)
