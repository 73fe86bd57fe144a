"""The rows of the audit log: who did what, when and why, the controller, and the legal basis.

One row shape for all services, acts and readings. A row is written in the transaction of the act
itself, or before the reading is shown. It holds ids only: a log that repeated the data would itself
need protection from its readers.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from shared.staff.access import Staff

__all__ = [
    "COLLECTION",
    "CONTROLLER",
    "OPERATOR",
    "REGIME",
    "AuditRow",
    "Kind",
    "LegalBasis",
    "Why",
    "by_operator",
    "by_staff",
]

COLLECTION: Final = "audit"

CONTROLLER: Final = "sydoestjyllands-politi"
"""The controller of the data in the services. Partners are controllers of their own copies."""

REGIME: Final = "police_law"
"""Retshåndhævelsesloven: police work to prevent crime, also where there is no criminal case."""

OPERATOR: Final = "operator"
"""An operator without a name; with a name it is `operator:<name>`."""


class LegalBasis(StrEnum):
    """The legal basis of an act, or of keeping a report, as a code that pages and logs show.

    A lawyer confirms the references before production.
    """

    OPERATION = "operation"
    """Directive 2016/680 art. 29 (2) (i) and (j): systems are restored after an
    interruption, and a failure does not corrupt their data."""
    ACCESS_CONTROL = "access_control"
    """Directive 2016/680 art. 25 and 29 (2) (d) and (e): who has access is controlled and logged."""
    MEDIATION_ACT = "mediation_act"
    """Lov 467/2009 om konfliktråd."""
    SECTION_115 = "rpl_115"
    """Retsplejeloven § 115; the disclosure itself names stykke and nummer."""
    PREVENTION = "police_act_1_2"
    """Politiloven §§ 1-2: the duty to prevent crime."""
    YOUTH_CRIME_ACT = "youth_crime_act"
    """Lov om bekæmpelse af ungdomskriminalitet."""
    CRIMINAL_CASE = "criminal_case"
    """The handling of the criminal case itself."""


class Why:
    """Who acts, and why."""

    __slots__ = ("reason", "who")

    def __init__(self, who: str = OPERATOR, reason: str | None = None) -> None:
        self.who = who
        self.reason = reason


class Kind(StrEnum):
    """What kind of row it is. A page tells each kind to staff in words (`shared.web.logged`)."""

    ACT = "act"
    """A person changed a case, or acknowledged a notice."""
    READ = "read"
    """A person opened a case or a report, or fetched it as text."""
    READ_LIST = "read_list"
    """A person saw a list: the inbox, the reports that wait, the cases of a service."""
    DENIED = "denied"
    """A person asked for what they may not see or do, or what does not exist."""
    LOGGED_IN = "logged_in"
    """A person logged in."""
    LOGGED_OUT = "logged_out"
    """A person logged out."""
    LOGIN_REFUSED = "login_refused"
    """A login ended in no session."""
    SERVICE = "service"
    """A service took in a report, or read something from another one."""
    OPERATION = "operation"
    """An operator, or the system itself, acted on parked events or a restored store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row of the audit log. It holds ids and codes only.

    Its writer, its number there and its time are given by the store in the transaction that writes
    it, so rows of one writer have no gaps and no row has the time of a service's own clock.
    """

    kind: Kind
    action: str
    """What was done, as a code."""
    who: str
    """`staff:<login>`, `operator:<name>`, `service:<name>`, `partner:<id>`, or `operator`."""
    what: str | None
    """The id of what was changed or shown; the name of a list."""
    why: str | None = None
    """The permission or the purpose by which it was done; what an operator gave as reason."""
    roles: tuple[str, ...] = ()
    """The roles of the member of staff at that time."""
    case_id: str | None = None
    report_id: str | None = None
    person_ids: tuple[str, ...] = ()
    """The persons whose data were read or changed, where the writer knows them."""
    recipients: tuple[str, ...] = ()
    """To whom something was disclosed."""
    controller: str = CONTROLLER
    regime: str = REGIME
    basis: LegalBasis | None = LegalBasis.OPERATION
    """The legal basis of the act."""

    def document(self, row_id: str | None = None) -> dict[str, Any]:
        """Return the row for MongoDB, without what the store gives it; with an id of its own if any."""
        row = asdict(self)
        row |= {name: list(row[name]) for name in ("roles", "person_ids", "recipients")}
        row |= {"kind": self.kind.value, "basis": None if self.basis is None else self.basis.value}
        return row if row_id is None else {"_id": row_id, **row}


def by_staff(
    kind: Kind,
    staff: Staff,
    *,
    action: str,
    right: str,
    what: str,
    case_id: str | None = None,
    basis: LegalBasis | None = None,
) -> AuditRow:
    """Return a row on what a member of staff did by a right of the access table."""
    return AuditRow(
        kind=kind,
        action=action,
        who=f"staff:{staff.id}",
        what=what,
        why=right,
        roles=tuple(staff.roles),
        case_id=case_id,
        basis=basis,
    )


def by_operator(action: str, *, what: str, why: Why, case_id: str | None = None) -> AuditRow:
    """Return a row on what an operator, or the system itself, did."""
    return AuditRow(
        kind=Kind.OPERATION,
        action=action,
        who=why.who,
        what=what,
        why=why.reason,
        case_id=case_id,
    )
