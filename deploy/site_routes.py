"""Which paths of the one site lead to which service, by the manifests."""

from shared.contracts.discovery import manifests

__all__ = ["OPERATOR_PATHS", "routes"]

OPERATOR_PATHS = ("operator", "health", "metrics")
"""What every service has below its own address for the operator alone (`shared.runtime.process`)."""


def routes() -> list[tuple[str, str]]:
    """List each path with its service: those for partners and programs come first."""
    every = [(route, each.name) for each in manifests() for route in each.routes]
    return sorted(every, key=lambda one: one[0] == f"/{one[1]}/*")
