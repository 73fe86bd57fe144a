"""Before the transaction: letters are opened and checked, and new ones are sealed.

All of this may be repeated at any time: a data key that is made twice is one key, and sealed
content that was not stored is dropped.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import PyMongoError

from services.intake import opening, partners, persons, reports, traces, withheld
from services.intake.arrivals import Arrival, Arrived, Identity, LeftOut, taken_at
from services.intake.opening import UNKNOWN_PARTNER, Unanswerable
from services.intake.partners import PartnerStatus
from services.intake.sealing import Parted, part, seal_all
from shared.crash_points import reach
from shared.engine.failures.mongo_errors import translated
from shared.errors import Away, Unavailable
from shared.security.data_keys import KeyDestroyed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo.asynchronous.database import AsyncDatabase

    from services.intake.blind import BlindIndex
    from services.intake.partners import Partner
    from services.intake.seal_keys import SealKeyDirectory
    from shared.engine import Record
    from shared.security.data_keys import Keys
    from shared.security.sealed_letters import SealKeys

__all__ = ["MOST_PEOPLE", "LetterReader"]

MOST_PEOPLE: Final = 100
"""People in one batch, unless one letter alone has more: each may need a new key, about 1 ms."""

_OPENED_AT_A_TIME: Final = 16
"""Letters opened before the event loop is yielded; each takes about 200 µs."""

Document = dict[str, Any]


class LetterReader:
    """Opens letters, checks them and seals their reports for the store."""

    def __init__(
        self,
        db: AsyncDatabase[Document],
        *,
        keys: Keys,
        index: BlindIndex,
        seal_keys: SealKeyDirectory,
    ) -> None:
        self._db = db
        self._keys = keys
        self._index = index
        self._seal_keys = seal_keys

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Open, check and seal the first records, up to `MOST_PEOPLE` people together.

        Raises:
            Unavailable: MongoDB, the data keys or the seal keys are not available now.

        """
        try:
            arrivals = await self._seal(await self._open(records))
            return await self._withhold(arrivals)
        except PyMongoError as error:
            raise translated(error) from error
        except KeyDestroyed:
            raise Unavailable("a key was destroyed while it was about to be used") from None

    async def restored(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that stand-ins carry, as they arrived, for another try.

        Raises:
            Rejected: no record can be restored from a stand-in.
            Unavailable: MongoDB or the data keys are not available now.

        """
        try:
            return [await withheld.restore(record, self._keys) for record in records]
        except PyMongoError as error:
            raise translated(error) from error

    async def _open(self, records: Sequence[Record]) -> list[Arrival]:
        owners = [opening.partner_of(record.topic) for record in records]
        known = await partners.known_as(self._db, (owner for owner in owners if owner is not None))
        try:
            keys = self._seal_keys.opening()
        except (OSError, ValueError) as error:
            raise Away(f"the seal keys cannot be read: {error}") from error
        arrivals: list[Arrival] = []
        people = 0
        for record, owner in zip(records, owners, strict=True):
            arrival = self._read(record, known.get(owner or ""), keys)
            if isinstance(arrival, Arrived) and arrival.letter.report is not None:
                people += len(arrival.letter.report.people)
            if people > MOST_PEOPLE and arrivals:
                break  # it is opened again with the next batch; the rest is not opened in vain
            arrivals.append(arrival)
            if people >= MOST_PEOPLE:
                break
            if len(arrivals) % _OPENED_AT_A_TIME == 0:
                await asyncio.sleep(0)
        return arrivals

    def _read(self, record: Record, partner: Partner | None, keys: SealKeys) -> Arrival:
        """Read a letter as of the time of its record, so that a second reading gives the same."""
        if partner is None or partner.status is PartnerStatus.REMOVED:
            return LeftOut(record, UNKNOWN_PARTNER)
        try:
            read = opening.read_letter(
                record, partner, keys=keys, index=self._index, now=taken_at(record)
            )
        except Exception as error:  # noqa: BLE001 - foreign bytes: one letter stops no other
            return _failed(record, error)
        if isinstance(read, Unanswerable):
            return LeftOut(record, read.reason)
        return Arrived(
            record=record,
            letter=read.letter,
            kind=partner.kind,
            report_id=self._index.report_id(partner.id, read.letter.reference),
            trace=traces.own(read.traceparent),
            opened=read.opened,
        )

    async def _seal(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Seal the reports that may be new; one that arrives ten times is sealed once."""
        good = [
            (each, each.letter.report)
            for each in arrivals
            if isinstance(each, Arrived) and each.letter.report is not None
        ]
        accepted = await reports.accepted_among(self._db, {each.report_id for each, _ in good})
        new = [(each, report) for each, report in good if each.report_id not in accepted]
        known = await persons.marked_with(
            self._db,
            {
                self._index.cpr(person.cpr)
                for _, report in new
                for person in report.people
                if person.cpr is not None
            },
        )
        parted: dict[Identity, Parted] = {}
        unread: dict[Identity, Exception] = {}
        for each, report in new:
            try:
                parted[each.identity] = part(
                    report, each.opened, report_id=each.report_id, index=self._index, known=known
                )
            except Exception as error:  # noqa: BLE001 - as above: one letter stops no other
                unread[each.identity] = error
        sealed = await seal_all(parted, self._keys)
        reach("intake.sealed")
        return [
            each
            if isinstance(each, LeftOut)
            else _failed(each.record, unread[each.identity])
            if each.identity in unread
            else replace(each, sealed=sealed.get(each.identity))
            for each in arrivals
        ]

    async def _withhold(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Replace each record by its sealed stand-in, because any of them may be parked.

        It takes about 40 µs for a letter of the usual size.
        """
        return [
            replace(each, record=await withheld.withhold(each.record, self._keys))
            for each in arrivals
        ]


def _failed(record: Record, error: Exception) -> LeftOut:
    """Leave out a record on which our own reading failed; the error text is not kept."""
    name = type(error).__name__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return LeftOut(record, f"reading it failed with {name}", cause=f"{name} {place}")
