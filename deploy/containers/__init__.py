"""The system as containers: what `docker-compose.yml` runs beside the services.

`deal` makes the secrets and hands each container its own, `settle` makes users, rights, topics and
indexes once the stores answer, `health` is what a container asks itself.
"""
