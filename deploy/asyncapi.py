"""AsyncAPI documents of the topics that are declared here."""

from typing import Any

from deploy.declaration import load
from shared.contracts.asyncapi import asyncapi

__all__ = ["describe"]


def describe(participant: str, *, schemas_at: str = "") -> dict[str, Any]:
    """Return the AsyncAPI document of a service or of `partner`, whole in itself as it is served.

    With `schemas_at` it refers to the schemas of the types below that address, as it is committed.
    """
    declared = load()
    topics = (*declared.topics, *declared.any_partner_topics)
    return asyncapi(participant, topics, schemas_at=schemas_at)
