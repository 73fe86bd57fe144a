"""The envelope: CloudEvents 1.0 in Kafka's binary mode, read from headers that anybody may write.

Names are compared without case, a repeated name is refused, and every fault is collected. The
refusal has the headers that could be read, because the reply needs an address.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.contracts.fields import read_moment
from shared.contracts.receipts import FieldError, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = [
    "JSON_CONTENT_TYPE",
    "LETTER_CONTENT_TYPE",
    "MAX_SEALED",
    "REPORT_SUBMITTED",
    "TRACEPARENT",
    "UPDATE_SUBMITTED",
    "Envelope",
    "EnvelopeRefused",
    "partner_source",
    "read_envelope",
    "read_letter_envelope",
    "write_envelope",
]

REPORT_SUBMITTED: Final = "intake.report_submitted.v1"
UPDATE_SUBMITTED: Final = "intake.update_submitted.v1"
LETTER_CONTENT_TYPE: Final = "application/jose"
JSON_CONTENT_TYPE: Final = "application/json"
"""Of facts and receipts."""
MAX_SEALED: Final = 262_144
"""Bytes of a whole letter."""
_TRACE: Final = r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
TRACEPARENT: Final = re.compile(rf"{_TRACE}\Z")
"""W3C trace context, as it is read."""

_SPEC_VERSION: Final = "1.0"
_OF_A_FACT: Final = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "content-type",
    "ce_sequence",
    "ce_sequencetype",
)
_AS_WRITTEN: Final = (_OF_A_FACT, (*_OF_A_FACT, "traceparent"))
_VALUES_AS_WRITTEN: Final = re.compile(
    r"1\.0\n([!-~]{1,1024})\n([!-~]{1,1024})\n([!-~]{1,1024})\n"
    r"((?:19|20)\d\d-\d\d-\d\dT\d\d:\d\d:[0-5]\d(?:\.\d{1,6})?Z)\n([!-~]{1,1024})\n"
    rf"{JSON_CONTENT_TYPE}\n(\d{{1,18}})\nInteger(?:\n({_TRACE}))?\Z",
    re.ASCII,
)
_MAX_VALUE: Final = 1024
_SEQUENCE: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_READ: Final = frozenset({*_OF_A_FACT, "ce_dataschema", "traceparent"}) - {"ce_sequencetype"}


class Envelope(NamedTuple):
    """The headers of a record: its sender, type, subject, time and place in the sequence."""

    id: str
    source: str
    type: str
    time: datetime | None = None
    """Time of the event according to its sender; no rule depends on it."""
    subject: str | None = None
    content_type: str = JSON_CONTENT_TYPE
    sequence: int | None = None
    """From 1, without gaps, per source and subject; None for letters and receipts."""
    dataschema: str | None = None
    traceparent: str | None = None


class EnvelopeRefused(ValueError):
    """The headers are no valid envelope. Has the values that could be read."""

    def __init__(
        self,
        errors: tuple[FieldError, ...],
        *,
        subject: str | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__("; ".join(f"{error.field}: {error.rule}" for error in errors))
        self.errors = errors
        self.subject = subject
        self.source = source


def partner_source(partner: str) -> str:
    """Return the `ce_source` under which a partner sends."""
    return f"/partners/{partner}"


def read_envelope(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Return the envelope in a record's headers, of any type; raises `EnvelopeRefused` with all faults."""
    received = tuple(headers)
    return _read_as_written(received) or _read(
        received, source=None, types=None, content_types=None
    )


def read_letter_envelope(
    headers: Iterable[tuple[str, bytes | None]],
    *,
    partner: str,
    types: Collection[str] = (REPORT_SUBMITTED,),
) -> Envelope:
    """Return the envelope of a partner's sealed letter: its own source, a known type, sealed content.

    `partner` is the owner of the topic. A partner's `ce_sequence` has no meaning and is not read.
    """
    return _read(
        headers,
        source=partner_source(partner),
        types=types,
        content_types=(LETTER_CONTENT_TYPE,),
    )


def write_envelope(envelope: Envelope) -> list[tuple[str, bytes]]:
    """Return the headers of an envelope; `read_envelope` reads the same envelope from them."""
    written = [
        ("ce_specversion", _SPEC_VERSION.encode()),
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
    ]
    if envelope.time is not None:
        written.append(("ce_time", _written_time(envelope.time)))
    if envelope.subject is not None:
        written.append(("ce_subject", envelope.subject.encode()))
    written.append(("content-type", envelope.content_type.encode()))
    if envelope.sequence is not None:
        written.append(("ce_sequence", b"%010d" % envelope.sequence))
        written.append(("ce_sequencetype", b"Integer"))
    if envelope.dataschema is not None:
        written.append(("ce_dataschema", envelope.dataschema.encode()))
    if envelope.traceparent is not None:
        written.append(("traceparent", envelope.traceparent.encode()))
    return written


@lru_cache(maxsize=64)
def _written_time(time: datetime) -> bytes:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()


def _read_as_written(headers: tuple[tuple[str, bytes | None], ...]) -> Envelope | None:
    """Read a fact's headers as `write_envelope` writes them, all at once.

    None for any other form: then each header is read by itself.
    """
    names = tuple([name for name, _ in headers])
    if names not in _AS_WRITTEN:
        return None
    try:
        text = b"\n".join([value for _, value in headers]).decode("ascii")  # type: ignore[misc]
        read = _VALUES_AS_WRITTEN.match(text)
        if read is None or text.count("\n") != len(names) - 1:
            return None
        event_id, source, type_, time, subject, sequence, traceparent = read.groups()
        number = int(sequence)
        if not number:
            return None
        return Envelope(
            event_id,
            source,
            type_,
            datetime.fromisoformat(time),
            subject,
            JSON_CONTENT_TYPE,
            number,
            None,
            traceparent,
        )
    except (TypeError, ValueError):
        return None  # a header without a value, a byte beyond ASCII, a 13th month


class _Headers:
    """The values that were readable, and a list of what was not."""

    def __init__(self, headers: Iterable[tuple[str, bytes | None]]) -> None:
        self.errors: list[FieldError] = []
        self.values: dict[str, str] = {}
        self._repeated: set[str] = set()
        self._named: set[str] = set()
        for name, value in headers:
            lowered = name.lower()
            if lowered not in _READ:
                continue
            if lowered in self._named:
                self._repeat(lowered)
            else:
                self._named.add(lowered)
                self._keep(lowered, value)

    def refuse(self, name: str, rule: Rule, message: str) -> None:
        """Note a fault of the header called `name`."""
        self.errors.append(FieldError.of(f"header:{name}", rule, message))

    def required(self, name: str) -> str | None:
        """Return the value, or None with the fault noted."""
        if name not in self._named:
            self.refuse(name, Rule.MISSING, "The header is missing.")
        return self.values.get(name)

    def _repeat(self, name: str) -> None:
        if name == "traceparent":
            self.values.pop(name, None)
        elif name not in self._repeated:
            self._repeated.add(name)
            self.values.pop(name, None)
            self.errors = [each for each in self.errors if each.field != f"header:{name}"]
            self.refuse(name, Rule.REPEATED, "The header stands more than once.")

    def _keep(self, name: str, value: bytes | None) -> None:
        if name == "traceparent":
            self._keep_trace(value)
            return
        if value is None:
            self.refuse(name, Rule.UNREADABLE, "The header has no value.")
            return
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            self.refuse(name, Rule.UNREADABLE, "The header is not UTF-8.")
            return
        if not text:
            self.refuse(name, Rule.BLANK, "The header is empty.")
        elif len(text) > _MAX_VALUE:
            self.refuse(name, Rule.TOO_LONG, f"The header exceeds {_MAX_VALUE} characters.")
        elif not text.isprintable() and _CONTROL.search(text):
            self.refuse(name, Rule.MALFORMED, "The header holds control characters.")
        else:
            self.values[name] = text

    def _keep_trace(self, value: bytes | None) -> None:
        """Keep a valid trace; an invalid one is dropped, since nothing depends on it."""
        text = (value or b"").decode("ascii", "replace")
        if TRACEPARENT.match(text):
            self.values["traceparent"] = text


def _read(
    headers: Iterable[tuple[str, bytes | None]],
    *,
    source: str | None,
    types: Collection[str] | None,
    content_types: Collection[str] | None,
) -> Envelope:
    read = _Headers(headers)
    version = read.required("ce_specversion")
    if version is not None and version != _SPEC_VERSION:
        read.refuse("ce_specversion", Rule.UNSUPPORTED, "Only CloudEvents 1.0 is understood.")
    event_id = read.required("ce_id")
    sent_source = read.required("ce_source")
    if sent_source is not None and source is not None and sent_source != source:
        read.refuse("ce_source", Rule.MISMATCH, "The source is not that of this topic's partner.")
    event_type = read.required("ce_type")
    if event_type is not None and types is not None and event_type not in types:
        read.refuse("ce_type", Rule.UNSUPPORTED, "This type or version is not understood here.")
    content_type = read.required("content-type")
    if content_type is not None and content_types is not None:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in content_types:
            read.refuse("content-type", Rule.UNSUPPORTED, "This content type is not taken here.")
    time = _read_time(read)
    is_letter = source is not None
    sequence = None if is_letter else _read_sequence(read)
    errors = [
        error
        for error in read.errors
        if not (is_letter and error.field in {"header:ce_sequence", "header:ce_dataschema"})
    ]
    subject = read.values.get("ce_subject")
    if errors or event_id is None or sent_source is None or event_type is None:
        raise EnvelopeRefused(tuple(errors), subject=subject, source=sent_source)
    return Envelope(
        id=event_id,
        source=sent_source,
        type=event_type,
        time=time,
        subject=subject,
        content_type=content_type or "",
        sequence=sequence,
        dataschema=read.values.get("ce_dataschema"),
        traceparent=read.values.get("traceparent"),
    )


def _read_time(read: _Headers) -> datetime | None:
    text = read.values.get("ce_time")
    if text is None:
        return None
    time = read_moment(text)
    if time is None:
        read.refuse("ce_time", Rule.MALFORMED, "The time must be RFC 3339 with an offset.")
    return time


def _read_sequence(read: _Headers) -> int | None:
    text = read.values.get("ce_sequence")
    if text is None:
        return None
    if not _SEQUENCE.match(text) or int(text) < 1:
        read.refuse("ce_sequence", Rule.MALFORMED, "The sequence must be a decimal from 1.")
        return None
    return int(text)
