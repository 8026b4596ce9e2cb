"""Generates the dashboards from ``BOARDS``: one JSON file each, for Grafana and for the page of VictoriaMetrics."""

from pathlib import Path
from typing import Final

from observability.dashboards import grafana, vmui
from observability.dashboards.boards import BOARDS
from tally.base.written_file import write_file

_PLACE: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = _PLACE / "grafana" / "dashboards"
VMUI: Final = _PLACE / "vmui"


def made() -> dict[Path, str]:
    """Return the text of each file. VictoriaMetrics shows its files in the order of their names."""
    of_grafana = {FOLDER / f"{board.uid}.json": grafana.as_json(board) for board in BOARDS}
    return of_grafana | {VMUI / f"{n}-{board.uid}.json": vmui.as_json(board) for n, board in enumerate(BOARDS, 1)}


def write() -> None:
    """Write the files that differ, and delete those of boards that no longer exist."""
    wanted = made()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_file(path, text)
    for folder in (FOLDER, VMUI):
        for path in folder.glob("*.json"):
            if path not in wanted:
                path.unlink()
