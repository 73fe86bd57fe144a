# Stands in for caddy: the same program, released by its makers, in a Python wheel; no shell beside it.
FROM docker.io/library/python:3.11-slim-bookworm AS root
RUN install -d /image/etc/ssl/certs && install -d -m 1777 /image/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/

FROM scratch
COPY caddy /usr/bin/caddy
COPY --from=root /image /
ENV PATH=/usr/bin XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
EXPOSE 80 443
ENTRYPOINT ["caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
