"""Errors by what the engine does with them.

* ServiceError
  - Rejected      it can never succeed: the event is parked with its case, all other cases continue
  - Unavailable   it may succeed later: back off, keep everything, try again
    - Away        a dependency is known to be down; our own client works
  - Conflict      another transaction wrote first: load again and decide again
    - Taken       an id that it writes is in use; if it stays so, it can never succeed
  - TooMuch       a transaction would hold too much at once: take a smaller batch
  - Fenced        another owner has the partition: drop its records
  - Halted        an operator must act before this partition continues
"""

__all__ = [
    "Away",
    "Conflict",
    "Fenced",
    "Halted",
    "Rejected",
    "ServiceError",
    "Taken",
    "TooMuch",
    "Unavailable",
]


class ServiceError(Exception):
    """The base of all errors that we raise on purpose."""


class Rejected(ServiceError):
    """The event or action can never succeed. Its text is shown to people: no personal data."""


class Unavailable(ServiceError):
    """A dependency does not answer now."""


class Away(Unavailable):
    """A dependency answers no client until an operator or its owner acts: a key service, a key file.

    The watchdog does not end a process whose workers wait for it.
    """


class Conflict(ServiceError):
    """A document has another version than the one that was loaded."""


class Taken(Conflict):
    """A document with that id, or that unique field, exists already."""


class TooMuch(ServiceError):
    """A transaction would hold more than its share of the process's memory."""


class Fenced(ServiceError):
    """The partition's watermark was moved by another owner."""


class Halted(ServiceError):
    """The partition is halted on purpose, for the reason given in one sentence."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy
        """What an operator can do about it."""
