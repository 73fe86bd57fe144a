"""The background fetch of a report's details for a case: a claim check, redeemed once.

Facts are thin. A report's details, disclosure and text stay with intake until the owning service
fetches them with its token; intake logs the reading. The service keeps them encrypted under a key
of its own for that case, and never fetches inside a handler.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

import httpx
import structlog
from bson.binary import Binary
from pymongo.errors import PyMongoError
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from shared.crash_points import reach
from shared.engine import Store, Unavailable, Unit
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.store.document import Document
from shared.errors import Conflict
from shared.runtime.settings import ReadableFile, SecretFile, ServiceSettings
from shared.runtime.wiring import Engine
from shared.security.data_keys import KeyDestroyed, Keys, MasterKey

__all__ = [
    "CaseSettings",
    "DetailsFetcher",
    "OnFetched",
    "case_key",
    "fetch_details",
    "fetched",
    "wanted",
]

_KEPT: Final = ("details", "disclosure", "text")
_LOOK_EVERY_S: Final = 0.25
_AT_ONCE: Final = 16
_LONGEST_WAIT_S: Final = 60.0
_AWAY_S: Final = 5.0
_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


class CaseSettings(ServiceSettings):
    """Settings of a service that keeps the details of its cases."""

    master_key_file: ReadableFile
    """The key that wraps the data keys of the cases."""
    intake_url: str
    """The address of intake, where details are fetched."""
    intake_token_file: SecretFile
    """The token for intake."""


def case_key(case_id: UUID | str) -> str:
    """Return the name of the data key for one case's text and details."""
    return f"case:{case_id}"


def wanted() -> Document:
    """Return `details` of a new case's document: they are to be fetched."""
    return {"status": "wanted"}


def fetched(sealed: Binary, at: datetime) -> Document:
    """Return `details` of a case's document once fetched, sealed under the case's key."""
    return {"status": "held", "sealed": sealed, "fetched_at": at}


OnFetched = Callable[[Unit, str, Mapping[str, Any]], None]
"""Gets the unit in which the case is loaded, the id of the case, and its opened details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsFetcher:
    """Fetches, seals and keeps the details of a service's cases."""

    store: Store
    keys: Keys
    intake_url: str
    token: str
    on_fetched: OnFetched | None = None
    """What else changes in a case, in the same step, when its details are kept."""

    async def prepare(self) -> None:
        """Make the indexes of the keys, and of the cases without details."""
        await self.keys.prepare()
        await self.store.db[self.store.cases].create_index(
            "details.status", partialFilterExpression={"details.status": "wanted"}
        )

    async def run(self) -> None:
        """Fetch what is wanted until cancelled.

        While intake does not answer, all cases wait; a case that intake refuses waits longer each time.
        """
        patience: dict[str, tuple[float, float]] = {}
        pause = _LOOK_EVERY_S
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(
            base_url=self.intake_url, headers=headers, timeout=_TIMEOUT_S
        ) as intake:
            while not is_cancelled():
                try:
                    found = await self._waiting(patience)
                    await asyncio.gather(*(self._fetch(case, intake, patience) for case in found))
                    pause = _LOOK_EVERY_S
                except (PyMongoError, Unavailable, httpx.TransportError) as error:
                    log.warning("details_wait", error=type(error).__name__)
                    found, pause = [], min(2 * pause, _AWAY_S)
                if not found:
                    await asyncio.sleep(pause)

    async def read(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the decrypted details of a case; None while they are not fetched yet.

        Raises:
            KeyDestroyed: the case's key was destroyed, so the details cannot be read.
            NotABlob: the stored details are damaged.

        """
        details = document["details"]
        if details["status"] != "held":
            return None
        opened: dict[str, Any] = json.loads(await self.keys.decrypt(details["sealed"]))
        return opened

    async def _waiting(self, patience: Mapping[str, tuple[float, float]]) -> list[str]:
        now = monotonic()
        resting = [case for case, (until, _) in patience.items() if until > now]
        cases = self.store.db[self.store.cases].find(
            {"details.status": "wanted", "_id": {"$nin": resting}}, {"_id": 1}
        )
        return [case["_id"] async for case in cases.limit(_AT_ONCE)]

    async def _fetch(
        self, case_id: str, intake: httpx.AsyncClient, patience: dict[str, tuple[float, float]]
    ) -> None:
        try:
            details = await self._ask(case_id, intake)
            reach("details.fetched")
            await self.keys.ensure([case_key(case_id)])
            sealed = await self.keys.encrypt(case_key(case_id), json.dumps(details).encode())
            reach("details.sealed")
            await self._keep(case_id, sealed, details)
            patience.pop(case_id, None)
        except (httpx.HTTPStatusError, ValueError, TypeError, KeyDestroyed, Conflict) as error:
            _, waited = patience.get(case_id, (0.0, _LOOK_EVERY_S))
            pause = min(2 * waited, _LONGEST_WAIT_S)
            patience[case_id] = (monotonic() + pause, pause)
            log.warning("details_not_fetched", case_id=case_id, error=type(error).__name__)

    async def _ask(self, case_id: str, intake: httpx.AsyncClient) -> dict[str, Any]:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(3),
            wait=wait_exponential_jitter(multiplier=0.1, max=2),
            reraise=True,
        ):
            with attempt:
                answer = await intake.get(f"/cases/{case_id}/details")
                answer.raise_for_status()
        details = answer.json()
        if not isinstance(details, dict):
            raise TypeError("intake's answer is not an object of details")
        return {name: details.get(name) for name in _KEPT}

    async def _keep(self, case_id: str, sealed: Binary, details: Mapping[str, Any]) -> None:
        cases = self.store.cases

        def keep(unit: Unit) -> None:
            case = unit.load(cases, case_id)
            if case is not None and case["details"]["status"] == "wanted":
                unit.save(cases, {**case, "details": fetched(sealed, unit.now)})
                if self.on_fetched is not None:
                    self.on_fetched(unit, case_id, details)

        await self.store.act(f"details|{case_id}", {cases: [case_id]}, keep)


def fetch_details(
    engine: Engine, settings: CaseSettings, on_fetched: OnFetched | None = None
) -> DetailsFetcher:
    """Add the fetch of details to a service's engine."""
    master = MasterKey.read(settings.master_key_file)
    keys = Keys(engine.store.client, settings.service, master)
    fetcher = DetailsFetcher(
        store=engine.store,
        keys=keys,
        intake_url=settings.intake_url,
        token=settings.intake_token_file.read_text().strip(),
        on_fetched=on_fetched,
    )
    engine.on_start += [fetcher.prepare]
    engine.rollback.forgetting.append(keys.forget)
    engine.background.append(fetcher.run)
    return fetcher
