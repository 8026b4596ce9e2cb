"""What stands beside the log of a process: its standard error, and what is held back of lines that are repeated."""
