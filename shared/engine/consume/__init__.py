"""From Kafka into the store: one worker per partition, one transaction per batch."""
