"""What goes wrong in codegen, as types. Every message is written for a person and names the place and the cure."""


class CodegenError(Exception):
    """The contracts, the registry or Kafka do not allow what was asked for. ``exit_code`` is the command's."""

    exit_code = 1


class ContractError(CodegenError):
    """A file of the contracts is wrong: ``file``, the place in it (line or JSON path), and what is allowed there."""

    def __init__(self, file: str, place: str, problem: str) -> None:
        super().__init__(f"{file}: {place}: {problem}" if place else f"{file}: {problem}")
        self.file = file
        self.place = place
        self.problem = problem
