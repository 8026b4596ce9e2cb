"""The one error of this package: what went wrong and the cure, ready to be shown to a person."""


class StackError(Exception):
    """A part could not be had, started or stopped. The message is written for the reader of a terminal."""
