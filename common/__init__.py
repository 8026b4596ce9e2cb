"""What producer, consumer, client and codegen share: exact decimals, partitions, framing, settings."""
