"""All dashboards, one for each question."""

from typing import Final

from observability.dashboards import broker, cost, count, health, load
from observability.dashboards.panels import Board

BOARDS: Final[tuple[Board, ...]] = (health.BOARD, count.BOARD, broker.BOARD, cost.BOARD, load.BOARD)
