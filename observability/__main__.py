"""``python -m observability``: generates what repeats the catalogue; a part of ``just gen``.

These are the tables of docs/OBSERVABILITY.md, the configuration of the broker's agent, and the dashboards. It returns
at once if nothing has changed since the last run.
"""

from pathlib import Path
from typing import Final

from tally.base import stamp
from tally.base.written_file import write_file

_FOLDER: Final = Path(__file__).resolve().parent
DOCUMENT: Final = _FOLDER.parent / "docs" / "OBSERVABILITY.md"
BROKER: Final = _FOLDER / "jmx_exporter" / "kafka.yml"


def main() -> None:
    """Write the files that differ."""
    if stamp.is_there(_key()):
        return
    # The libraries for YAML and Grafana are only loaded when there is something to generate.
    from observability import catalogue, jmx  # noqa: PLC0415
    from observability.dashboards import files  # noqa: PLC0415
    from observability.tables import updated  # noqa: PLC0415

    whole = catalogue.load()
    text = DOCUMENT.read_text(encoding="utf-8")
    BROKER.parent.mkdir(exist_ok=True)
    made = {DOCUMENT: updated(text, whole), BROKER: jmx.configuration(whole)}
    for path, new in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            write_file(path, new)
    files.write()
    stamp.leave(_key())


def _key() -> str:
    return stamp.key([_FOLDER, DOCUMENT, _FOLDER.parent / "tally" / "base"], "observability")


if __name__ == "__main__":
    main()
