"""The client's side of Kafka: connections, batches that cannot be decoded, partitioning."""
