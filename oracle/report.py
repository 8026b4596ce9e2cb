"""The oracle's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One broken invariant, with the first place where it is broken."""

    invariant: str
    message: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.invariant}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was compared and what was found. ``total`` is exact."""

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
    """Invariants that nothing was there to check with, and what was missing."""

    @property
    def clean(self) -> bool:
        """Tell whether every invariant held."""
        return not self.findings

    def require_clean(self) -> "Report":
        """Return itself. Raises AssertionError with every finding when there is one."""
        assert self.clean, str(self)
        return self

    @property
    def summary(self) -> str:
        """Return one line with the figures."""
        return (
            f"oracle: {self.records} records, {self.counted} counted, {self.duplicates} duplicates, "
            f"{self.conflicts} conflicts, {self.poison} poison, total {self.total:f}; "
            f"{self.calls} calls, {self.acknowledged} ids acknowledged; {len(self.findings)} findings"
        )

    def __str__(self) -> str:
        """Return the report as lines for a person."""
        return "\n".join([self.summary, *(str(finding) for finding in self.findings)])
