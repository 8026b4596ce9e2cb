"""The dashboards' files, as Grafana reads them: JSON, a file a board, made from ``BOARDS``."""

from pathlib import Path

from observability.dashboards.boards import BOARDS
from observability.dashboards.grafana import as_json

FOLDER = Path(__file__).resolve().parent.parent / "grafana" / "dashboards"


def write() -> None:
    """Write what differs, and delete the files of boards that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = {FOLDER / f"{board.uid}.json": as_json(board) for board in BOARDS}
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in FOLDER.glob("*.json"):
        if path not in wanted:
            path.unlink()
