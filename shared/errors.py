"""Errors by what the engine does with them.

* ServiceError
  - Rejected      can never succeed: the event is parked with its case, all other cases go on
  - Unavailable   may succeed later: back off, keep everything, try again
    - Away        and it is known to be away, not our own client that broke
  - Conflict      somebody else wrote first: load anew and decide again
    - Taken       an id that it writes is in use; if it stays so, it can never succeed
  - TooMuch       a transaction would hold too much at once: take less
  - Fenced        another owner has the partition: drop what is held
  - Halted        a person must look before this partition goes on
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
    """Every error that we raise on purpose."""


class Rejected(ServiceError):
    """The event or action can never succeed. Its text is shown to people: no personal data."""


class Unavailable(ServiceError):
    """Something that we depend on cannot answer now."""


class Away(Unavailable):
    """What is away answers nobody until a person or its owner acts: a key service, a file of keys.

    The watchdog leaves a worker alone that waits for it.
    """


class Conflict(ServiceError):
    """A document has another version than the one that was decided on."""


class Taken(Conflict):
    """A document of that id, or of that unique field, exists already."""


class TooMuch(ServiceError):
    """A transaction would hold more than its share of the process's memory: take less at once."""


class Fenced(ServiceError):
    """The partition's watermark is no longer where this owner left it."""


class Halted(ServiceError):
    """The partition stands still on purpose, for the reason given in one sentence."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy
        """What a person can do about it."""
