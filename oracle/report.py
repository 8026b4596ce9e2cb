"""The report of the oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One violated invariant, with the first place where it is violated."""

    invariant: str
    message: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.invariant}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was compared, and what was found. ``total`` is exact."""

    findings: Sequence[Finding]
    records: int
    counted: int
    duplicates: int
    conflicts: int
    poison: int
    total: Decimal
    calls: int
    acknowledged: int
    unchecked: Mapping[str, str] = field(default_factory=dict)
    """Invariants that could not be checked, with what was missing."""

    @property
    def clean(self) -> bool:
        """Tell whether every invariant held."""
        return not self.findings

    def require_clean(self) -> "Report":
        """Return the report itself. Raises AssertionError with all findings if there are any."""
        assert self.clean, str(self)
        return self

    @property
    def summary(self) -> str:
        """One line with the figures."""
        return (
            f"oracle: {self.records} records, {self.counted} counted, {self.duplicates} duplicates, "
            f"{self.conflicts} conflicts, {self.poison} poison, total {self.total:f}; "
            f"{self.calls} calls, {self.acknowledged} ids acknowledged; {len(self.findings)} findings"
        )

    def __str__(self) -> str:
        """Return the report as lines for people to read."""
        return "\n".join([self.summary, *(str(finding) for finding in self.findings)])
