"""What keeps a load test from running or from being judged."""


class LoadError(Exception):
    """The message names the cause and the cure, in one line."""
