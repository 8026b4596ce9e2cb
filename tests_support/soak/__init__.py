"""The soak: traffic through the client library while faults of the whole catalogue happen at random, then the oracle.

`just chaos [MINUTES] [SEED]` runs it; the same seed draws the same faults and the same additions.
"""
