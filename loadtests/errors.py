"""What keeps a load test from running or from being judged."""


class LoadError(Exception):
    """The message names the cause and the cure, in one line."""


class UsageError(Exception):
    """The command line asks for what is not allowed; the message names it, and what is allowed."""
