"""What the audit log keeps of staff, in words: each kind of row, and each field of a row. Pure.

A test compares both with `shared.staff.audit`, so that the page leaves nothing out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.staff.audit import Kind
from shared.web.words import N_

__all__ = ["FIELDS", "KINDS"]

KINDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.ACT: N_("Du ændrer noget i en sag eller kvitterer for en besked."),
        Kind.READ: N_("Du åbner en sag eller en henvendelse, eller henter den som tekst."),
        Kind.READ_LIST: N_(
            "Du ser en liste: indbakken, henvendelserne, sagerne. En liste, der opdaterer sig"
            " selv, giver højst én linje hvert kvarter."
        ),
        Kind.DENIED: N_("Du beder om noget, du ikke har adgang til, eller som ikke findes."),
        Kind.LOGGED_IN: N_("Du logger på."),
        Kind.LOGGED_OUT: N_("Du logger af, eller din adgang bliver taget fra dig."),
        Kind.LOGIN_REFUSED: N_("Du prøver at logge på og bliver afvist."),
        Kind.SERVICE: N_(
            "Systemet modtager en henvendelse, eller en tjeneste henter fra en anden."
        ),
        Kind.OPERATION: N_(
            "Driften eller systemet selv retter noget, for eksempel en standset sag."
        ),
    }
)
"""When a row is written, in Danish."""

FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "kind": N_("slags"),
        "action": N_("hvad der blev gjort"),
        "who": N_("hvem: dit login, aldrig dit CPR-nummer"),
        "what": N_("sagens eller henvendelsens id, eller listens navn"),
        "why": N_("med hvilken ret, eller hvorfor"),
        "roles": N_("dine roller på det tidspunkt"),
        "case_id": N_("sagens id"),
        "report_id": N_("henvendelsens id"),
        "person_ids": N_("id på de personer, det handler om"),
        "recipients": N_("hvem der fik oplysningerne"),
        "controller": N_("dataansvarlig"),
        "regime": N_("hvilken lov der gælder for behandlingen"),
        "basis": N_("hjemmel"),
        "at": N_("tidspunkt, fra databasens ur"),
        "writer": N_("hvilken del af systemet der skrev linjen"),
        "counter": N_("linjens nummer dér"),
    }
)
"""What a row holds, in Danish."""
