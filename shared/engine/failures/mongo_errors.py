"""What an error of the driver or the database means: wait, try again, or refused for ever."""

from collections.abc import Mapping
from typing import Any, Final

from bson.errors import BSONError, InvalidDocument
from pymongo.errors import BulkWriteError, ConnectionFailure, DuplicateKeyError, PyMongoError

from shared.errors import Conflict, ServiceError, Taken, Unavailable

__all__ = ["REFUSED", "never_passes", "translated"]

_DUPLICATE_KEY: Final = 11000
_NEVER: Final = frozenset({2, 9, 52, 56, 57, 121, 10334, 17419, 17420})
"""Server codes that are about the document: bad value or field name, failed validation, too large."""

REFUSED: Final = (PyMongoError, BSONError, OverflowError)
"""Errors that a transaction raises, beside those of `shared.errors`, if the database or the driver
refuses its content for ever."""


def translated(error: PyMongoError) -> ServiceError | PyMongoError:
    """Return the engine's error for one of the driver. A refused content returns the error itself."""
    if isinstance(error, DuplicateKeyError):
        return Taken("a document of that id exists already")
    if isinstance(error, BulkWriteError) and is_duplicate(error.details):
        return Taken("a document of that id exists already")
    if error.has_error_label("UnknownTransactionCommitResult"):
        return Unavailable("it is not known whether the transaction was committed")
    if error.has_error_label("TransientTransactionError") and not isinstance(
        error, ConnectionFailure
    ):
        return Conflict("another transaction wrote the same document")
    if never_passes(error):
        return error
    return Unavailable(f"MongoDB cannot answer now ({type(error).__name__})")


def is_duplicate(details: Mapping[str, Any] | None) -> bool:
    """Whether a bulk write failed on duplicate keys alone."""
    errors = (details or {}).get("writeErrors", [])
    return bool(errors) and all(error.get("code") == _DUPLICATE_KEY for error in errors)


def never_passes(error: PyMongoError) -> bool:
    """Whether the content itself is refused. All other errors may pass, a full disk too."""
    if isinstance(error, BulkWriteError):
        errors = (error.details or {}).get("writeErrors", [])
        return bool(errors) and all(each.get("code") in _NEVER for each in errors)
    return isinstance(error, InvalidDocument) or getattr(error, "code", None) in _NEVER
