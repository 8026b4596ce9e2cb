"""What goes wrong in codegen, as types. Every message is written for a person and names the place and the cure.

``exit_code`` is the command's: 1 wrong contracts, 3 breaking, 4 drift, 5 unreachable or refused access, 64 usage.
"""

EXIT_USAGE = 64


class CodegenError(Exception):
    """The contracts or the surroundings do not allow what was asked for."""

    exit_code = 1


class ContractError(CodegenError):
    """A file of the contracts is wrong: ``file``, the place in it (line or JSON path), and what is allowed there."""

    def __init__(self, file: str, place: str, problem: str) -> None:
        super().__init__(f"{file}: {place}: {problem}" if place else f"{file}: {problem}")
        self.file = file
        self.place = place
        self.problem = problem


class BreakingError(CodegenError):
    """The registry refuses a schema as incompatible with what it has, in its own words."""

    exit_code = 3


class DriftError(CodegenError):
    """Something is otherwise than the contracts say and cannot be, or was not, repaired."""

    exit_code = 4


class UnreachableError(CodegenError):
    """The registry or Kafka does not answer in time, or refuses credentials or TLS; the message tells which."""

    exit_code = 5
