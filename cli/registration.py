"""Registers a partner at intake: its kind, its municipalities, the digest of its secret.

Registering again completes a registration. It never changes the municipalities without an explicit
option: reports from other municipalities are marked, so a list that was left out by mistake would
mark the wrong ones, or none.
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
    """Kommunekoder; an empty list means the whole district."""
    before: list[str] | None
    """The earlier ones if this command changed them, else None."""


def codes_in(given: Iterable[str]) -> list[str]:
    """Return the kommunekoder, or end the command if one is not in the district."""
    codes = sorted({code for one in given for code in one.replace(",", " ").split()})
    if any(code not in MUNICIPALITIES for code in codes):
        known = ", ".join(f"{code} {place.name}" for code, place in sorted(MUNICIPALITIES.items()))
        stop(f"The municipalities of the district are {known}.", Exit.WRONG_USE)
    return codes


def named(codes: Sequence[str]) -> str:
    """Return the names of municipalities, for people."""
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
    """Register a partner at intake, with the digest of its secret only.

    A registered partner keeps its municipalities if none are given. Others end the
    command, unless `change` is true.
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
    registration = {
        "kind": kind.value,
        "municipalities": wanted,
        "client_secret_sha256": hashlib.sha256(secret).hexdigest(),
    }
    running.request("intake", "PUT", f"/partners/{partner}", registration)
    return Registered(wanted, before if before is not None and before != wanted else None)
