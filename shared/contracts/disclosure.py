"""Section 115 of the administration of justice act (rpl § 115): a disclosure, complete or nothing.

The law names three co-operations and who belongs to each. A disclosure states its form, its
basis, its purpose, its necessity, each item, each recipient, and who decided. Only what is listed
is allowed: an authority outside the form gets nothing. There is no "§ 115 a" basis.
"""

from __future__ import annotations

import re
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from shared.contracts.fields import Day, LongText, Sealed, ShortText
from shared.contracts.meanings import meanings_of
from shared.contracts.processes import Process
from shared.contracts.receipts import FieldError, Rule

__all__ = [
    "BASIS_OF_FORM",
    "FORM_OF_PROCESS",
    "MEMBERS",
    "Authority",
    "Basis",
    "Disclosure",
    "Form",
    "Item",
    "ItemKind",
    "Recipient",
    "disclosure_faults",
]

MAX_ITEMS: Final = 100


class Form(StrEnum):
    """The co-operation in which something is shared."""

    SSP = "SSP"
    """School, social services and police, for the young."""
    PSP = "PSP"
    """Police, social services and psychiatry, for the vulnerable."""
    KSP = "KSP"
    """Prison service, social services and police, for the released."""


class Basis(StrEnum):
    """Where the law allows it: rpl § 115, by paragraph and number."""

    SSP_BY_POLICE = "115-1-1"
    """Stk. 1, nr. 1."""
    PSP_BY_POLICE = "115-1-2"
    """Stk. 1, nr. 2."""
    KSP_BY_POLICE = "115-1-3"
    """Stk. 1, nr. 3."""
    BY_OTHERS = "115-2"
    """Stk. 2: other authorities to the police and to each other."""
    INSTITUTION = "115-3"
    """Stk. 3: self-owning institutions that are drawn in."""


class Authority(StrEnum):
    """Who can receive. Unlisted is refused."""

    POLICE = "police"
    """The police."""
    SOCIAL_SERVICES = "social_services"
    """A municipality's social services."""
    MUNICIPALITY = "municipality"
    """The municipality's social services, by the name that partners have for it."""
    PSYCHIATRY = "psychiatry"
    """Psychiatry of a region."""
    SCHOOL = "school"
    """A school."""
    PRISON_SERVICE = "prison_service"
    """Kriminalforsorgen."""
    INSTITUTION = "institution"
    """A self-owning institution doing public work, drawn in under stk. 3."""


class ItemKind(StrEnum):
    """Whether an item is a fact or somebody's assessment (directive 2016/680 art. 7)."""

    FACT = "fact"
    """It happened, or is so."""
    ASSESSMENT = "assessment"
    """Somebody judged it so."""


FORM_OF_PROCESS: Final = MappingProxyType({Process.PSP: Form.PSP, Process.SSP: Form.SSP})
"""The processes that are disclosures; a report of these carries one of that form."""

BASIS_OF_FORM: Final = MappingProxyType(
    {
        Form.SSP: frozenset({Basis.SSP_BY_POLICE, Basis.BY_OTHERS, Basis.INSTITUTION}),
        Form.PSP: frozenset({Basis.PSP_BY_POLICE, Basis.BY_OTHERS, Basis.INSTITUTION}),
        Form.KSP: frozenset({Basis.KSP_BY_POLICE, Basis.BY_OTHERS, Basis.INSTITUTION}),
    }
)

_ALWAYS: Final = frozenset(
    {
        Authority.POLICE,
        Authority.SOCIAL_SERVICES,
        Authority.MUNICIPALITY,
        Authority.INSTITUTION,
    }
)
MEMBERS: Final = MappingProxyType(
    {
        Form.SSP: _ALWAYS | {Authority.SCHOOL},
        Form.PSP: _ALWAYS | {Authority.PSYCHIATRY},
        Form.KSP: _ALWAYS | {Authority.PRISON_SERVICE},
    }
)
"""Who may receive in each co-operation."""

_CITED: Final = re.compile(r"[a-zæøå]+|[0-9]+")
_CITATION_WORDS: Final = frozenset(
    {"rpl", "retsplejeloven", "retsplejelovens", "section", "paragraf", "stk", "nr"}
)


def _basis(value: object) -> object:
    """Read `115-1-2` also as lawyers cite it: "rpl § 115, stk. 1, nr. 2"."""
    if not isinstance(value, str):
        return value
    words = _CITED.findall(value[:100].lower())
    return "-".join(word for word in words if word not in _CITATION_WORDS)


class Item(Sealed):
    """One piece of information, chosen by itself."""

    what: LongText
    kind: Annotated[ItemKind, Field(strict=False)]
    source: ShortText
    date: Day
    """The day it is from."""


class Recipient(Sealed):
    """Who receives it: a role at an authority."""

    authority: Annotated[
        ShortText,
        Field(
            json_schema_extra={
                "enum": [one.value for one in Authority],
                "x-meanings": {**meanings_of(Authority)},
            }
        ),
    ]
    """A code of `Authority`; what is none is outside every form."""
    role: ShortText


class Disclosure(Sealed):
    """What is shared under section 115; it is never for investigation."""

    form: Annotated[Form, Field(strict=False)]
    basis: Annotated[Basis, Field(strict=False), BeforeValidator(_basis)]
    purpose: LongText
    necessity: LongText
    """Why this person, why these items, why now."""
    items: Annotated[tuple[Item, ...], Field(strict=False, min_length=1, max_length=MAX_ITEMS)]
    recipients: Annotated[
        tuple[Recipient, ...], Field(strict=False, min_length=1, max_length=MAX_ITEMS)
    ]
    decided_by: ShortText


def disclosure_faults(disclosure: Disclosure, process: Process | None) -> list[FieldError]:
    """Find what the law does not allow in a disclosure that is complete in form.

    `process` None is a report for triage: any form, as a report about somebody released is.
    """
    faults = []
    form = disclosure.form
    if process is not None and FORM_OF_PROCESS.get(process) is not form:
        faults.append(
            FieldError.of(
                "/disclosure/form", Rule.WRONG_FORM, "The form is not that of the process."
            )
        )
    if disclosure.basis not in BASIS_OF_FORM[form]:
        faults.append(
            FieldError.of(
                "/disclosure/basis", Rule.WRONG_BASIS, "The basis belongs to another form."
            )
        )
    faults.extend(
        FieldError.of(
            f"/disclosure/recipients/{index}/authority",
            Rule.RECIPIENT_OUTSIDE_FORM,
            "This authority takes no part in this form of co-operation.",
        )
        for index, recipient in enumerate(disclosure.recipients)
        if recipient.authority not in MEMBERS[form]
    )
    return faults
