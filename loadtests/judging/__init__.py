"""The truth of a run: its outcomes against the rows of the ledger and the records of the topic."""
