"""The producer: adds two numbers over gRPC and commits each sum in a Kafka transaction before it answers."""
