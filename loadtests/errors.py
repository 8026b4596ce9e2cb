"""What keeps a load test from running or from being judged."""


class LoadError(Exception):
    """The message names the cause and the cure, in one line."""


class UsageError(Exception):
    """What was asked for cannot be meant; the message names what is wrong and what is allowed."""
