"""What several test suites share: an independent oracle, waiting on conditions, running parts."""
