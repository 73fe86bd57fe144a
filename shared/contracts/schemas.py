"""JSON Schemas of everything that crosses: generated from the models, one per `ce_type`.

They are committed under `docs/schemas/` and served at `{intake}/schemas/<ce_type>.json`, which is
also the `ce_dataschema`. `python -m shared.contracts.schemas` writes them, and refuses where a
committed schema would break (`growth.py`): that is what a `.v2` is for.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from shared.contracts import intake, mediation, notify, psp
from shared.contracts.details import DETAILS, TriageDetails
from shared.contracts.disclosure import FORM_OF_PROCESS
from shared.contracts.envelope import REPORT_SUBMITTED, UPDATE_SUBMITTED
from shared.contracts.growth import breaks
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.receipts import ReportAccepted, ReportRejected, ReportRouted, Rule
from shared.contracts.report import Report
from shared.contracts.update import Update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from shared.contracts import Fact

__all__ = ["FACTS", "MODELS", "schema", "schema_path", "write_schemas"]

FACTS: Final[Mapping[str, type[Fact]]] = MappingProxyType(
    {
        fact.type: fact
        for fact in (
            intake.CaseOpened,
            intake.TriageWaiting,
            intake.PartyCameOfAge,
            intake.PartyErased,
            mediation.CaseReceived,
            psp.CaseReceived,
            notify.NoticeCreated,
        )
    }
)
"""Every fact by its `ce_type`."""

MODELS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        REPORT_SUBMITTED: Report,
        UPDATE_SUBMITTED: Update,
        **{receipt.type: receipt for receipt in (ReportAccepted, ReportRejected, ReportRouted)},
        **FACTS,
    }
)
"""Whatever crosses, by its `ce_type`: letters (the JSON inside), receipts and facts."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_COMMITTED: Final = Path(__file__).resolve().parents[2] / "docs" / "schemas"


@cache
def _schemas() -> Mapping[str, dict[str, Any]]:
    return MappingProxyType({ce_type: _schema(ce_type) for ce_type in MODELS})


def schema(ce_type: str) -> dict[str, Any] | None:
    """Give the JSON Schema of a type, or None where there is no such type."""
    return _schemas().get(ce_type)


def schema_path(ce_type: str) -> str:
    """Give the path below intake's address at which a type's schema is served."""
    return f"/schemas/{ce_type}.json"


def write_schemas(directory: Path = _COMMITTED) -> list[str]:
    """Write every schema, and give the sentences that say what would break; then none is written."""
    directory.mkdir(parents=True, exist_ok=True)
    broken = []
    for ce_type, new in _schemas().items():
        file = directory / f"{ce_type}.json"
        if file.exists():
            old = json.loads(file.read_text(encoding="utf-8"))
            broken += [f"{ce_type}: {sentence}" for sentence in breaks(old, new)]
    if not broken:
        for ce_type, new in _schemas().items():
            text = json.dumps(new, indent=1, ensure_ascii=False) + "\n"
            (directory / f"{ce_type}.json").write_text(text, encoding="utf-8")
    return broken


def _schema(ce_type: str) -> dict[str, Any]:
    model = MODELS[ce_type]
    detailed: tuple[type[BaseModel], ...] = ()
    if ce_type == REPORT_SUBMITTED:
        detailed = (*DETAILS.values(), TriageDetails)
    refs, whole = models_json_schema(
        [(one, "validation") for one in (model, *detailed)], ref_template="#/$defs/{model}"
    )
    definitions = whole["$defs"]
    root = definitions.pop(refs[(model, "validation")]["$ref"].rpartition("/")[2])
    described = {
        "$schema": _DIALECT,
        "$id": schema_path(ce_type),
        "x-ce-type": ce_type,
        **root,
    }
    if ce_type == REPORT_SUBMITTED:
        described["properties"]["municipality"]["enum"] = sorted(MUNICIPALITIES)
        described["allOf"] = _by_process(
            {one: refs[(one, "validation")]["$ref"] for one in detailed}
        )
    if ce_type == ReportRejected.type:
        definitions["FieldError"]["properties"]["rule"]["examples"] = [rule.value for rule in Rule]
    if definitions:
        described["$defs"] = definitions
    return described


def _by_process(refs: Mapping[Any, str]) -> list[dict[str, Any]]:
    """Say what `details` hold in each process, and which processes must carry a disclosure."""
    cases: list[dict[str, Any]] = [
        {
            "if": {"properties": {"process": {"const": process.value}}, "required": ["process"]},
            "then": {
                "properties": {"details": {"$ref": refs[model]}},
                **(
                    {"required": ["disclosure"]}
                    if process in FORM_OF_PROCESS
                    else {
                        "properties": {
                            "details": {"$ref": refs[model]},
                            "disclosure": {"type": "null"},
                        }
                    }
                ),
            },
        }
        for process, model in DETAILS.items()
    ]
    cases.append(
        {
            "if": {"properties": {"process": {"const": None}}, "required": ["process"]},
            "then": {"properties": {"details": {"$ref": refs[TriageDetails]}}},
        }
    )
    return cases


def main() -> None:
    """Write the schemas; 1 with a sentence each where a published one would break."""
    broken = write_schemas()
    for sentence in broken:
        sys.stderr.write(sentence + "\n")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
