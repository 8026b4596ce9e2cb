"""What the producer does: gRPC, threads and Kafka around the core."""
