"""From the store to Kafka: what was committed is published at least once, in order."""
