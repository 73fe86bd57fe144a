"""The whole system on one machine without Docker: Kafka, MongoDB, the services and their pages."""
