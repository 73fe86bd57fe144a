#!/bin/bash
# Starts a broker, called as the script of this name in a release of Kafka is.
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka "$@"
