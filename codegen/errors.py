"""What goes wrong in codegen, as types. Every message is written for a person and names the place and the cure.

``exit_code`` is the command's: 1 wrong contracts, 3 breaking, 4 drift, 5 unreachable or refused access, 64 usage.
"""

from collections.abc import Sequence
from typing import Literal

EXIT_USAGE = 64

Severity = Literal["error", "note"]
"""A note is worth knowing, and nothing is refused for it."""


class CodegenError(Exception):
    """The contracts or the surroundings do not allow what was asked for."""

    exit_code = 1


class ContractError(CodegenError):
    """A file of the contracts is wrong: ``file``, the place in it (``line``, JSON path), and what is allowed there.

    ``rule`` is a stable word for what was broken, for machines; ``line`` 0 is not known, or stands in ``place``.
    """

    def __init__(
        self,
        file: str,
        place: str,
        problem: str,
        *,
        rule: str = "contract",
        line: int = 0,
        severity: Severity = "error",
    ) -> None:
        at = ", ".join(part for part in (f"line {line}" if line else "", place) if part)
        said = problem if severity == "error" else f"{severity}: {problem}"
        super().__init__(f"{file}: {at}: {said} [{rule}]" if at else f"{file}: {said} [{rule}]")
        self.file = file
        self.place = place
        self.problem = problem
        self.rule = rule
        self.line = line
        self.severity: Severity = severity

    def at(self, line: int) -> "ContractError":
        """Return the same error with its line."""
        return ContractError(self.file, self.place, self.problem, rule=self.rule, line=line, severity=self.severity)

    def as_error(self) -> "ContractError":
        """Return the same finding as one that refuses."""
        return ContractError(self.file, self.place, self.problem, rule=self.rule, line=self.line)


class FindingsError(CodegenError):
    """Files of the contracts are wrong: everything that was found, a line each."""

    def __init__(self, findings: Sequence[ContractError]) -> None:
        super().__init__("\n  ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


class BreakingError(CodegenError):
    """The registry refuses a schema as incompatible with what it has, in its own words."""

    exit_code = 3


class DriftError(CodegenError):
    """Something differs from the contracts and cannot be, or was not, repaired."""

    exit_code = 4


class UnreachableError(CodegenError):
    """The registry or Kafka cannot be asked. ``kind`` tells why, since each has another cure."""

    exit_code = 5

    def __init__(self, message: str, kind: str = "unreachable") -> None:
        super().__init__(message)
        self.kind = kind
