"""``python -m observability``: makes the tables of docs/OBSERVABILITY.md from the catalogue; a part of ``just gen``."""

from pathlib import Path

from observability import catalogue
from observability.tables import updated

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "OBSERVABILITY.md"


def main() -> None:
    """Write the document when its tables are not the catalogue's."""
    text = DOCUMENT.read_text(encoding="utf-8")
    new = updated(text, catalogue.load())
    if new != text:
        DOCUMENT.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
