#!/bin/bash
# Runs one of Kafka's classes, called as the script of this name in a release of Kafka is.
set -euo pipefail
mkdir -p "${LOG_DIR:-/opt/kafka/logs}"
# shellcheck disable=SC2086 # options are words
exec /opt/java/bin/java ${KAFKA_HEAP_OPTS:--Xmx256M} -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
  -Djava.awt.headless=true --sun-misc-unsafe-memory-access=allow \
  ${KAFKA_LOG4J_OPTS:-} ${KAFKA_OPTS:-} -cp '/opt/kafka/libs/*' "$@"
