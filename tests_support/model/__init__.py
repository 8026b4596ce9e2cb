"""A small world in memory around the real core: producers, a broker, consumers, disks, and everything that can fail.

Kafka is that of `tests_support.kafka`. `producer` and `consumer` are processes made of the real code, `truth` holds
what was promised against what is there.
"""
