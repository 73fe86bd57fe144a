"""The fact that opens a case, as intake would send it."""

import json

__all__ = ["opening"]


def opening(case: str) -> bytes:
    """The body of `intake.case_opened.v1` for a mediation case without parties."""
    body = {
        "case_id": case,
        "process": "mediation",
        "municipality": "0630",
        "patrol_centre": "north",
        "psychiatry_region": "syddanmark",
        "reported_at": "2026-11-20T08:00:00Z",
        "occurred_at": "2026-11-19T20:00:00Z",
        "reporter_kind": "school",
        "parties": [],
    }
    return json.dumps(body).encode()
