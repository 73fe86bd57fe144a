"""Watching from outside, once a second: memory, lag, the outbox, and how long pages take."""

import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, Self

import httpx
import psutil
from pymongo import MongoClient

from tests.faults.storm import SERVICES
from tests.live import LiveStack

__all__ = ["Moment", "Pages", "Watch", "percentiles"]

_MIB: Final = 1024 * 1024
_PAGE_S: Final = 60.0
_PAUSE_S: Final = 0.2
_LOG_IN_EVERY: Final = 10
_CALM_S: Final = 6.0


@dataclass(slots=True)
class Moment:
    """What was seen in one second."""

    at: float
    rss_mib: dict[str, int] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    outbox_age_s: dict[str, float] = field(default_factory=dict)

    @property
    def rests(self) -> bool:
        """Whether every service reported that nothing waits."""
        lags = [self.lag.get(name) for name in SERVICES]
        return lags == [0] * len(SERVICES) and not any(self.outbox_age_s.values())


class _Thread:
    """A loop beside the load, until it is left."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=_PAGE_S)

    def _run(self) -> None:
        raise NotImplementedError

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began


class Watch(_Thread):
    """Looks at every process once a second."""

    def __init__(self, stack: LiveStack, began: float) -> None:
        super().__init__(began)
        status = stack.status()
        self._urls = {name: status["services"][name]["url"] for name in SERVICES}
        self._pids = {
            name: [each["pid"] for each in status["services"][name]["instances"]]
            for name in SERVICES
        }
        self._pids |= {"kafka": [status["kafka"]["pid"]], "mongo": [status["mongo"]["pid"]]}
        self._uri = Path(status["mongo"]["inspector_uri_file"]).read_text("utf-8").strip()
        self.moments: list[Moment] = []
        self.unanswered = 0
        """How often a service did not report its lag within a few seconds."""

    @property
    def pids(self) -> dict[str, list[int]]:
        """The processes that are watched, by name."""
        return self._pids

    def wait_for_rest(self, seconds: float) -> float:
        """Wait until nothing lags and nothing is on its way; returns since when.

        A service learns every two seconds what came, so it must report that for longer.
        """
        until, since = time.monotonic() + seconds, None
        seen = len(self.moments)
        while since is None or self.moments[-1].at - since < _CALM_S:
            assert time.monotonic() < until, f"no rest: {self.moments[-1:]}"
            time.sleep(0.1)
            for moment in self.moments[seen:]:
                seen += 1
                since = (moment.at if since is None else since) if moment.rests else None
        return since

    def _run(self) -> None:
        with httpx.Client(timeout=5) as client, MongoClient[dict[str, Any]](self._uri) as mongo:
            while not self._over.wait(max(0.0, 1 - self.now() % 1)):
                self.moments.append(self._look(client, mongo))

    def _look(self, client: httpx.Client, mongo: MongoClient[dict[str, Any]]) -> Moment:
        moment = Moment(round(self.now(), 1))
        for name, pids in self._pids.items():
            with suppress(psutil.NoSuchProcess):
                memory = sum(psutil.Process(pid).memory_info().rss for pid in pids)
                moment.rss_mib[name] = memory // _MIB
        for name, url in self._urls.items():
            try:
                moment.lag[name] = client.get(f"{url}/health/ready").json()["lag"]
            except (httpx.HTTPError, KeyError, ValueError):
                self.unanswered += 1
            oldest = mongo[name].outbox.find_one({}, {"at": 1}, sort=[("at", 1)])
            # stamped in whole seconds
            age = 0.0 if oldest is None else max(0.1, time.time() - oldest["at"].time)
            moment.outbox_age_s[name] = age
        return moment


class Pages(_Thread):
    """Staff at work: one logs in, looks into the inbox and opens a page, again and again."""

    def __init__(
        self, stack: LiveStack, began: float, *, person: str, paths: dict[str, str]
    ) -> None:
        super().__init__(began)
        self._site = stack.url("site")
        self._person = person
        self._paths = paths
        self.took: list[tuple[float, str, float]] = []
        """When, which page, and how many seconds it took."""
        self.failures: list[str] = []

    def _run(self) -> None:
        with httpx.Client(follow_redirects=True, timeout=_PAGE_S) as client:
            turn = 0
            while not self._over.wait(_PAUSE_S):
                if turn % _LOG_IN_EVERY == 0:
                    client.cookies.clear()
                    address = f"{self._site}/notify/login"
                    self._time(client, "log in", "POST", address, {"person": self._person})
                for name, path in self._paths.items():
                    self._time(client, name, "GET", self._site + path, None)
                turn += 1

    def _time(self, client: httpx.Client, name: str, method: str, address: str, data: Any) -> None:
        began = self.now()
        try:
            answer = client.request(method, address, data=data, headers={"Accept": "text/html"})
        except httpx.HTTPError as error:
            self.failures.append(f"{name}: {type(error).__name__}")
        else:
            if answer.status_code != httpx.codes.OK:
                self.failures.append(f"{name}: {answer.status_code}")
        self.took.append((began, name, self.now() - began))


def percentiles(
    took: list[tuple[float, str, float]], since: float, until: float
) -> dict[str, tuple[int, float, float]]:
    """Of each page that was asked for within a span: how often, p50 and p99, in seconds."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for at, name, seconds in took:
        if since <= at < until:
            by_name[name].append(seconds)
    spread = {}
    for name, times in by_name.items():
        cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
        spread[name] = (len(times), cuts[49], cuts[98])
    return spread
