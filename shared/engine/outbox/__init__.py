"""From the store to Kafka: committed messages are published at least once, in order."""
