# Stands in for mongo: the same user, paths and program, but version 6.0, past its end of life.
FROM docker.io/library/python:3.11-slim-bookworm
RUN echo 'mongodb:x:999:999::/data/db:/bin/sh' >>/etc/passwd \
 && echo 'mongodb:x:999:' >>/etc/group \
 && install -d -o mongodb -g mongodb /data/db /data/configdb
COPY mongod /usr/bin/mongod
ENV HOME=/data/db
VOLUME ["/data/db", "/data/configdb"]
EXPOSE 27017
CMD ["mongod"]
