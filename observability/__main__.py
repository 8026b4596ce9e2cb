"""``python -m observability``: makes from the catalogue what repeats it; a part of ``just gen``.

These are the tables of docs/OBSERVABILITY.md and the configuration of the agent in the broker.
"""

from pathlib import Path

from observability import catalogue, jmx
from observability.tables import updated

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "OBSERVABILITY.md"
BROKER = Path(__file__).resolve().parent / "jmx_exporter" / "kafka.yml"


def main() -> None:
    """Write what differs."""
    whole = catalogue.load()
    text = DOCUMENT.read_text(encoding="utf-8")
    BROKER.parent.mkdir(exist_ok=True)
    made = {DOCUMENT: updated(text, whole), BROKER: jmx.configuration(whole)}
    for path, new in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
