"""What both programs, the client and the tests do with Kafka. Nothing is imported here."""
