# Stands in for apache/kafka: the same jars, user, paths and scripts, on another Java and another Linux.
FROM docker.io/library/python:3.11-slim-bookworm
RUN echo 'appuser:x:1000:1000::/home/appuser:/bin/bash' >>/etc/passwd \
 && echo 'appuser:x:1000:' >>/etc/group \
 && install -d -o appuser -g appuser /home/appuser /opt/kafka /opt/kafka/logs /var/lib/kafka/data /etc/kafka/secrets /mnt/shared/config
COPY java /opt/java
COPY libs /opt/kafka/libs
COPY scripts /opt/kafka/bin
ENV JAVA_HOME=/opt/java PATH=/opt/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER appuser
EXPOSE 9092
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/bin/bash", "-c", "echo 'Start it as docker-compose.yml does.' >&2; exit 2"]
