"""What belongs to the log of a process: its standard error, and how repeated lines are held back."""
