"""How a service asks who a member of staff is now, and what they may do."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared.staff.access import Staff

__all__ = ["Directory", "Nobody", "NotCurrent", "stored_staff"]


def stored_staff(stored: Mapping[str, Any], session_id: str) -> Staff:
    """Return a stored member of staff, in one session."""
    return Staff(
        id=stored["_id"],
        name=stored["name"],
        title=stored["title"],
        roles=tuple(stored["roles"]),
        places=tuple(stored["places"]),
        authority=stored["authority"],
        session=session_id,
    )


class NotCurrent(Exception):
    """What the service knows of staff may be old: it shows nothing and lets nobody act for now."""


class Directory(Protocol):
    """The staff as a service knows them: `notify` by its directory, the others by their projection."""

    async def find(self, staff_id: str, session_id: str, transaction: Any = None) -> Staff | None:
        """Return a member of staff with the roles and places of now; None if the session ended.

        Somebody who is not known (yet) has no roles. A session also ends when its person does not
        belong to the staff any more.

        Args:
            staff_id: whom the session names.
            session_id: the session.
            transaction: the database session of the act that asks, if there is one.

        Raises:
            NotCurrent: the answer may be old.

        """
        ...


class Nobody:
    """The directory of a service that knows no staff: nobody is let in."""

    async def find(
        self,
        staff_id: str,  # noqa: ARG002 - the protocol's
        session_id: str,  # noqa: ARG002
        transaction: Any = None,  # noqa: ARG002
    ) -> Staff | None:
        """Raise NotCurrent: nothing is known."""
        raise NotCurrent
