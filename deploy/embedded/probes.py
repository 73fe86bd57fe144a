"""Asking what runs whether it is ready."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

PROBE_SECONDS = 3.0
Figures = Mapping[str, Sequence[float]]
"""By metric, the value of each of its samples."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Health:
    """The state that a service reports; `None` where it did not answer."""

    state: str
    lag: int | None = None
    outbox: int | None = None
    parked: int | None = None
    halted: list[str] = field(default_factory=list)


def ask_health(url: str, seconds: float = PROBE_SECONDS) -> Health:
    """Ask a service's `/health/ready`; a service that does not answer yet is starting."""
    answer = _get(f"{url}/health/ready", seconds)
    if not isinstance(answer, dict):
        return Health(state="starting")
    return Health(
        state=str(answer.get("state", "starting")),
        lag=_count(answer.get("lag")),
        outbox=_count(answer.get("outbox")),
        parked=_count(answer.get("parked")),
        halted=[str(sentence) for sentence in answer.get("halted") or []],
    )


def read_figures(url: str, seconds: float = PROBE_SECONDS) -> Figures | None:
    """Read a service's `/metrics`; None where it does not answer."""
    try:
        with _DIRECT.open(f"{url}/metrics", timeout=seconds) as response:
            text = response.read().decode()
    except (OSError, ValueError):
        return None
    figures: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            figures.setdefault(sample.name, []).append(sample.value)
    return figures


def answers(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Whether a web server answers there at all, with any status below 500."""
    try:
        with _DIRECT.open(url, timeout=seconds) as response:
            return bool(response.status < 500)  # noqa: PLR2004 (HTTP's own line)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code < 500  # noqa: PLR2004 (HTTP's own line)
    except (OSError, ValueError):
        return False


def _get(url: str, seconds: float) -> Any:
    try:
        with _DIRECT.open(url, timeout=seconds) as response:
            return json.load(response)
    except urllib.error.HTTPError as refused:
        with refused:
            try:
                return json.load(refused)
            except (OSError, ValueError):
                return None
    except (OSError, ValueError):
        return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
