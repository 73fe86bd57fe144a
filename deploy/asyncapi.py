"""AsyncAPI documents of the topics that are declared here."""

from typing import Any

from deploy.declaration import load
from shared.contracts.asyncapi import asyncapi

__all__ = ["describe"]


def describe(participant: str) -> dict[str, Any]:
    """Give the AsyncAPI document of a service or of `partner`, as it is served and committed."""
    declared = load()
    return asyncapi(participant, (*declared.topics, *declared.any_partner_topics))
