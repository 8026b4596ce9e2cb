"""What the producer decides. No I/O: time, Kafka and the caches are arguments."""
