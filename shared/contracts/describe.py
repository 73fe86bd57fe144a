"""AsyncAPI documents of the services that are installed, and of partners."""

from typing import Any

from shared.contracts.asyncapi import PARTNER, PARTNER_DOES, asyncapi
from shared.contracts.discovery import manifest
from shared.contracts.topics import load

__all__ = ["describe"]


def describe(participant: str, *, schemas_at: str = "") -> dict[str, Any]:
    """Return the AsyncAPI document of a service or of `partner`, complete as it is served.

    With `schemas_at` it refers to the schemas of the types below that address, as it is committed.
    """
    declared = load()
    does = PARTNER_DOES if participant == PARTNER else manifest(participant).does
    topics = (*declared.topics, *declared.any_partner_topics)
    return asyncapi(participant, does, topics, schemas_at=schemas_at)
