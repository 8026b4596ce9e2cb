"""What the tests of containers measure and do not judge: times, sizes, CPU. Printed once, behind the tests."""


class Seen:
    """Figures in the order in which they were seen."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, what: str, number: float, unit: str) -> None:
        """Keep one figure."""
        self._lines.append(f"  {what:<58}{number:>9.1f} {unit}")

    @property
    def text(self) -> str:
        """Return all figures, a line each; empty when there are none."""
        return "\n".join(["measured in containers:", *self._lines]) if self._lines else ""
