"""Shapes that a report may come in and must not: each with the answer that its partner is owed.

Each puts a mark of its own into the place that is wrong (beside it, where that place holds
nothing), so that whatever is written of it later can be searched for the mark.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from jwcrypto import jwe, jwk

from shared.contracts.processes import PartnerKind
from tests.faults.checker.letters import Headers, headers_of, seal_letter

__all__ = ["PARKED", "SHAPES", "Draft", "Record", "Shape"]

PARKED: Final = ("", "parked")
"""In place of field and rule: no answer is owed, the record is set aside whole."""

SCHOOL, POLICE = PartnerKind.SCHOOL, PartnerKind.POLICE
UNKNOWN_KEY: Final = jwk.JWK.generate(kty="EC", crv="P-256", kid="nobody-has-this-key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What goes to the broker."""

    key: str | bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one sender has at hand to write one record with."""

    partner: str
    reference: str
    mark: str
    key: jwk.JWK
    proposed_by: str
    other: str
    """Another partner's id."""

    def report(self, **changes: Any) -> dict[str, Any]:
        """A report in order, for triage, but for `changes`."""
        return {
            "partner": self.partner,
            "reference": self.reference,
            "process": None,
            "municipality": "0630",
            "occurred_at": "2026-11-20T13:30:00+01:00",
            "proposed_by": self.proposed_by,
            "people": [self.person()],
            "details": {},
            "text": f"prøve {self.mark}",
        } | changes

    def person(self, **changes: Any) -> dict[str, Any]:
        """A person in order, but for `changes`."""
        named = {"given": "Testa", "family": "Prøvesen"}
        return {"label": "a", "role": "child", "category": "other", "name": named} | changes

    def seal(self, opened: bytes | None = None, **header: Any) -> bytes:
        """Seal a report, or any bytes."""
        return seal_letter(self.written() if opened is None else opened, self.key, **header)

    def written(self, **changes: Any) -> bytes:
        """A report as bytes."""
        return json.dumps(self.report(**changes), ensure_ascii=False).encode()

    def record(self, value: bytes | None = b"", **changed: Any) -> Record:
        """A record in order around `value` (the sealed report, where none is given)."""
        key = changed.pop("key", self.reference)
        return Record(
            key=key,
            value=self.seal() if value == b"" else value,
            headers=headers_of(self.partner, self.reference, **changed),
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """How to make it, what it is owed, and who sends it."""

    make: Callable[[Draft], Record]
    owed: tuple[str, str]
    kind: PartnerKind = SCHOOL
    reference: str | None = None
    """One of its own, where the reference itself is what is wrong."""


def inside(owed: tuple[str, str], kind: PartnerKind = SCHOOL, **changes: Any) -> Shape:
    """A report with some fields other than good; `MARK` in a text is replaced by the mark."""

    def make(draft: Draft) -> Record:
        text = json.dumps(changes).replace("MARK", draft.mark)
        return draft.record(draft.seal(draft.written(**json.loads(text))))

    return Shape(make, owed, kind)


def raw(owed: tuple[str, str], write: Callable[[Draft], bytes]) -> Shape:
    """A report that is written by hand."""
    return Shape(lambda draft: draft.record(draft.seal(write(draft))), owed)


def around(owed: tuple[str, str], **headers: Any) -> Shape:
    """An envelope with some headers other than good."""

    def make(draft: Draft) -> Record:
        fields: dict[str, Any] = {
            name: value.replace("MARK", draft.mark) if isinstance(value, str) else value
            for name, value in headers.items()
        }
        return draft.record(**fields)

    return Shape(make, owed)


def beside(draft: Draft, *more: tuple[str, bytes | None]) -> Record:
    """A record in order whose headers named in `more` are replaced by these, all of them."""
    record = draft.record()
    names = {name for name, _ in more}
    kept = [(name, value) for name, value in record.headers if name not in names]
    return replace(record, headers=[*kept, *more])


def forged(draft: Draft, **changes: Any) -> bytes:
    """A sealed report under a header that somebody else wrote."""
    head, _, rest = draft.seal().partition(b".")
    header = json.loads(base64.urlsafe_b64decode(head + b"==")) | changes
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=") + b"." + rest


def otherwise(draft: Draft, **changes: Any) -> bytes:
    """A report that is really sealed in a way that is not ours."""
    header = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "kid": draft.key.export_public(as_dict=True)["kid"],
        "cty": "application/json",
    } | changes
    token = jwe.JWE(draft.written(), protected=json.dumps(header))
    token.allowed_algs = [*token.allowed_algs, "ECDH-ES+A128KW"]
    token.add_recipient(draft.key)
    sealed: str = token.serialize(compact=True)
    return sealed.encode()


def without_reference(draft: Draft, value: bytes) -> Record:
    """A record without its reference outside the letter."""
    return Record(key=None, value=value, headers=headers_of(draft.partner, None))


def twice(draft: Draft, name: str) -> Record:
    """A record one of whose headers occurs twice."""
    record = draft.record()
    return replace(record, headers=[*record.headers, (name.upper(), draft.mark.encode())])


def deep(draft: Draft) -> bytes:
    """10,000 levels."""
    return b'{"a":' * 10_000 + json.dumps(draft.mark).encode() + b"}" * 10_000


def with_text(draft: Draft, text: bytes) -> bytes:
    """A report whose text is these bytes of JSON."""
    return draft.written(text="HERE").replace(b'"HERE"', text)


DISCLOSURE: Final = {
    "form": "PSP",
    "basis": "115-1-2",
    "purpose": "MARK",
    "items": [{"what": "MARK", "kind": "fact", "source": "MARK", "date": "2026-11-14"}],
    "recipients": [{"authority": "psychiatry", "role": "MARK"}],
    "decided_by": "MARK",
}

CHILD: Final = {
    "label": "a",
    "role": "subject",
    "category": "suspect",
    "name": {"given": "MARK", "family": "MARK"},
}

SHAPES: Final[dict[str, Shape]] = {
    "what is no JWE": Shape(lambda d: d.record(d.written()), ("seal", "seal_malformed")),
    "a report sealed to another key": Shape(
        lambda d: d.record(seal_letter(d.written(), UNKNOWN_KEY)), ("seal", "seal_unknown_key")
    ),
    "a report sealed to another key under our key's id": Shape(
        lambda d: d.record(
            seal_letter(d.written(), UNKNOWN_KEY, kid=d.key.export_public(as_dict=True)["kid"])
        ),
        ("seal", "seal_broken"),
    ),
    "a key id that nobody knows": Shape(
        lambda d: d.record(d.seal(kid=d.mark)), ("seal", "seal_unknown_key")
    ),
    "the algorithm none": Shape(
        lambda d: d.record(forged(d, alg="none", who=d.mark)), ("seal", "seal_algorithm")
    ),
    "another algorithm": Shape(
        lambda d: d.record(otherwise(d, alg="ECDH-ES+A128KW")), ("seal", "seal_algorithm")
    ),
    "a compressed report": Shape(
        lambda d: d.record(otherwise(d, zip="DEF")), ("seal", "seal_compressed")
    ),
    "a report that was touched on the way": Shape(
        lambda d: d.record(forged(d, typ=d.mark)), ("seal", "seal_broken")
    ),
    "a letter beyond 256 KiB": Shape(
        lambda d: d.record(d.mark.encode() * 30_000), ("seal", "seal_too_large")
    ),
    "no value at all": Shape(lambda d: d.record(None), ("seal", "seal_missing")),
    "a seal copied under another reference": inside(("/reference", "mismatch"), reference="MARK"),
    "a seal copied under another partner": Shape(
        lambda d: d.record(d.seal(d.written(partner=d.other))), ("/partner", "mismatch")
    ),
    "a type that nobody knows": around(("header:ce_type", "unsupported"), ce_type="intake.MARK.v1"),
    "a version that does not exist yet": around(
        ("header:ce_type", "unsupported"), ce_type="intake.report_submitted.v2"
    ),
    "the source of another partner": around(
        ("header:ce_source", "mismatch"), ce_source="/partners/MARK"
    ),
    **{
        f"no {name}": around((f"header:{name}", "missing"), **{name.replace("-", "_"): None})
        for name in ("ce_specversion", "ce_id", "ce_source", "ce_type", "content-type")
    },
    "a content type that is not taken": around(
        ("header:content-type", "unsupported"), content_type="text/MARK"
    ),
    "an id that occurs twice": Shape(lambda d: twice(d, "ce_id"), ("header:ce_id", "repeated")),
    "a subject that occurs twice": Shape(
        lambda d: twice(d, "ce_subject"), ("header:ce_subject", "repeated")
    ),
    "a header that is not UTF-8": Shape(
        lambda d: beside(d, ("ce_id", b"\xff\xfe" + d.mark.encode())),
        ("header:ce_id", "unreadable"),
    ),
    "a header without a value": Shape(
        lambda d: beside(d, ("ce_type", None)), ("header:ce_type", "unreadable")
    ),
    "neither key nor subject": Shape(
        lambda d: without_reference(d, d.seal()), ("header:ce_subject", "missing")
    ),
    "neither key nor subject nor a letter": Shape(
        lambda d: without_reference(d, d.mark.encode()), PARKED
    ),
    "10,000 levels of nesting": raw(("", "too_deep"), deep),
    "an integer of 400 digits": raw(
        ("", "number_out_of_range"), lambda d: d.written(details={"n": 7 * 10**399})
    ),
    "an integer just beyond 2^53": raw(
        ("", "number_out_of_range"), lambda d: d.written(details={d.mark: 2**53})
    ),
    "half a surrogate pair": raw(
        ("", "lone_surrogate"), lambda d: with_text(d, f'"{d.mark}\\ud83d"'.encode())
    ),
    "a name that occurs twice in the JSON": raw(
        ("", "duplicate_name"), lambda d: with_text(d, f'"x", "text": "{d.mark}"'.encode())
    ),
    "JSON that breaks off": raw(("", "not_json"), lambda d: d.written()[:-1]),
    "no UTF-8 inside": raw(
        ("", "not_utf8"), lambda d: with_text(d, b'"' + d.mark.encode() + b'\xff"')
    ),
    "a municipality that nobody knows": inside(
        ("/municipality", "unknown_municipality"), municipality="MARK"
    ),
    "what is yet to happen": inside(
        ("/occurred_at", "in_the_future"), occurred_at="2199-01-01T00:00:00+01:00"
    ),
    "a person of a shape that is not ours": inside(
        ("/people/0/birth_date", "malformed"),
        people=[CHILD | {"category": "other", "birth_date": "MARK", "phone": "MARK"}],
    ),
    "a school that calls a child a suspect": inside(
        ("/people/0/category", "not_from_this_kind"), people=[CHILD]
    ),
    "a suspect of 14 years outside the youth board": inside(
        ("/people/0/category", "suspect_under_15"),
        POLICE,
        people=[CHILD | {"birth_date": "2012-01-31"}],
    ),
    "a PSP disclosure without its necessity": inside(
        ("/disclosure/necessity", "missing"),
        POLICE,
        process="psp",
        disclosure=DISCLOSURE,
    ),
    "a reference shaped like a CPR number": Shape(
        lambda d: d.record(), PARKED, reference="050794-4125"
    ),
    "a reference that is a sentence": Shape(
        lambda d: d.record(), PARKED, reference="Sagen om Kendetegnine Prøvesen"
    ),
}
