"""What intake is told of a partner: its kind, its municipalities, the digest of its secret.

Registering again completes what was begun. It never changes by the way for which municipalities a
partner works: reports from elsewhere are marked, so a list that was lost in a repeated command
would mark the wrong ones, or none.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cli.identity import Credentials
from cli.reach import Exit, Running, stop
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import PartnerKind

__all__ = ["Registered", "codes_in", "named", "register"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A partner as intake knows it now."""

    municipalities: list[str]
    """Kommunekoder; none is the whole district."""
    before: list[str] | None
    """What they were where this command changed them."""


def codes_in(said: Iterable[str]) -> list[str]:
    """Read kommunekoder, or end the command where one is none of the district's."""
    codes = sorted({code for one in said for code in one.replace(",", " ").split()})
    if any(code not in MUNICIPALITIES for code in codes):
        known = ", ".join(f"{code} {place.name}" for code, place in sorted(MUNICIPALITIES.items()))
        stop(f"The municipalities of the district are {known}.", Exit.WRONG_USE)
    return codes


def named(codes: Sequence[str]) -> str:
    """Name municipalities for people."""
    return (
        ", ".join(f"{code} {MUNICIPALITIES[code].name}" for code in codes) or "the whole district"
    )


def register(
    running: Running,
    credentials: Credentials,
    kind: PartnerKind,
    municipalities: Sequence[str],
    *,
    change: bool,
) -> Registered:
    """Tell intake of a partner; of a secret it learns the digest alone.

    One that is registered keeps its municipalities where none are said; where others are, it ends
    the command, unless they are to `change`.
    """
    partner = credentials.partner
    known = running.request("intake", "GET", "/partners")
    before = next(
        (
            sorted(one["municipalities"])
            for one in known
            if one["id"] == partner and one["kind"] == kind.value
        ),
        None,
    )
    wanted = sorted(set(municipalities))
    if before is not None and not change:
        if wanted and wanted != before:
            stop(
                f"{partner} is registered for {named(before)}, not for {named(wanted)}: leave "
                "--municipality out to keep it so, or add --change-municipalities.",
                Exit.REFUSED,
            )
        wanted = before
    secret = str(credentials.http["client_secret"]).encode()
    said = {
        "kind": kind.value,
        "municipalities": wanted,
        "client_secret_sha256": hashlib.sha256(secret).hexdigest(),
    }
    running.request("intake", "PUT", f"/partners/{partner}", said)
    return Registered(wanted, before if before is not None and before != wanted else None)
