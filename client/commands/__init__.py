"""One module a command of ``tally``; each has the command as ``command``."""
