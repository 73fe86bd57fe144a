"""Images without a registry of images: made here from the packages of Debian, PyPI, Maven and npm.

`assemble` makes them, under the names that `docker-compose.yml` uses; `engine` serves Docker's API
from podman, so that compose and testcontainers run where no Docker is. README.md lists where the
images differ from the official ones.
"""
