#!/bin/bash
# Formats a broker's storage, called as the script of this name in a release of Kafka is.
exec /opt/kafka/bin/kafka-run-class.sh kafka.tools.StorageTool "$@"
