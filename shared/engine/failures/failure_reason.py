"""Why an event is parked: a sentence for people, and a cause to count by.

Neither holds a word of the event's content.
"""

import traceback
from typing import Final

from pydantic import ValidationError

from shared.errors import Rejected

__all__ = ["TOO_MUCH", "explain"]

TOO_MUCH: Final = "it cannot be written, alone in its transaction"
_SHOWN_FIELDS: Final = 5


def explain(error: Exception) -> tuple[str, str]:
    """Return the reason of a failed attempt, and its cause."""
    if isinstance(error, Rejected):
        return str(error), f"{type(error).__name__}: {error}"
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        fields = "; ".join(
            f"/{'/'.join(map(str, fault['loc']))}: {fault['type']}"
            for fault in faults[:_SHOWN_FIELDS]
        )
        return (
            f"the fact does not follow its contract: {fields}",
            f"contract: {error.title} {fields}",
        )
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    return (
        f"the handler failed with {type(error).__name__} at {place}",
        f"{type(error).__name__} {place}",
    )
