"""The system as containers: what `docker-compose.yml` runs beside the services.

`deal` makes the secrets and gives each container its own, `settle` makes users, rights, topics and
indexes once the stores answer, `health` is the health check of a service's container.
"""
