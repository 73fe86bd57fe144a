"""JSON Schemas of all messages: generated from the models, one per `ce_type`.

They are committed under `docs/schemas/` and served at `{intake}/schemas/<ce_type>.json`, which is
also the `ce_dataschema`. `samraad contracts publish` writes them, and refuses where a published
one would break (`growth.py`): that is what a `.v2` is for.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from shared.contracts import Fact
from shared.contracts.codes import is_open_code
from shared.contracts.details import DETAILS, TriageDetails
from shared.contracts.disclosure import FORM_OF_PROCESS
from shared.contracts.discovery import manifests
from shared.contracts.envelope import REPORT_SUBMITTED, UPDATE_SUBMITTED
from shared.contracts.meanings import meanings_of
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.receipts import (
    Receipt,
    ReportAccepted,
    ReportRejected,
    ReportRouted,
    Rule,
)
from shared.contracts.report import Report
from shared.contracts.update import Update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic_core import core_schema

__all__ = ["DRAFTS", "FACTS", "LETTERS", "MODELS", "RECEIPTS", "schema", "schema_path"]


def _facts() -> Iterator[type[Fact]]:
    """Find the facts of the services: those of a service are in the module of its name here."""
    for service in manifests():
        name = f"{__package__}.{service.name}"
        if find_spec(name) is not None:
            for found in vars(import_module(name)).values():
                is_fact = isinstance(found, type) and issubclass(found, Fact)
                if is_fact and found.__module__ == name and "type" in vars(found):
                    yield found


FACTS: Final[Mapping[str, type[Fact]]] = MappingProxyType(
    {fact.type: fact for fact in _facts() if not fact.draft}
)
"""Every published fact by its `ce_type`."""

DRAFTS: Final[Mapping[str, type[Fact]]] = MappingProxyType(
    {fact.type: fact for fact in _facts() if fact.draft}
)
"""Every fact that is not published yet. Services of one version send it to each other."""

LETTERS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {REPORT_SUBMITTED: Report, UPDATE_SUBMITTED: Update}
)
"""The messages from partners, by `ce_type`."""

RECEIPTS: Final[Mapping[str, type[Receipt]]] = MappingProxyType(
    {receipt.type: receipt for receipt in (ReportAccepted, ReportRejected, ReportRouted)}
)
"""The replies to partners, by `ce_type`."""

MODELS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType({**LETTERS, **RECEIPTS, **FACTS})
"""All messages, by `ce_type`: letters (the JSON inside), receipts and facts."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@cache
def _schemas() -> Mapping[str, dict[str, Any]]:
    return MappingProxyType({ce_type: _schema(ce_type) for ce_type in MODELS})


def schema(ce_type: str) -> dict[str, Any] | None:
    """Give the JSON Schema of a type, or None where there is no such type."""
    return _schemas().get(ce_type)


def schema_path(ce_type: str) -> str:
    """Give the path below intake's address at which a type's schema is served."""
    return f"/schemas/{ce_type}.json"


class _WithMeanings(GenerateJsonSchema):
    """Adds the meaning of each listed value that has a docstring."""

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        described = super().enum_schema(schema)
        if meanings := meanings_of(schema["cls"]):
            described["x-meanings"] = meanings
        return described

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Whether a field gets a title: not a code, which its list names (`codes.OpenCode`)."""
        return not is_open_code(schema) and super().field_title_should_be_set(schema)


def _schema(ce_type: str) -> dict[str, Any]:
    model = MODELS[ce_type]
    detailed: tuple[type[BaseModel], ...] = ()
    if ce_type == REPORT_SUBMITTED:
        detailed = (*DETAILS.values(), TriageDetails)
    refs, whole = models_json_schema(
        [(one, "validation") for one in (model, *detailed)],
        ref_template="#/$defs/{model}",
        schema_generator=_WithMeanings,
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
        codes = {code: place.name for code, place in sorted(MUNICIPALITIES.items())}
        described["properties"]["municipality"] |= {"enum": list(codes), "x-meanings": codes}
        described["allOf"] = _by_process(
            {one: refs[(one, "validation")]["$ref"] for one in detailed}
        )
    if ce_type == ReportRejected.type:
        codes_of_rules = {"x-open-list": True, "examples": [rule.value for rule in Rule]}
        definitions["FieldError"]["properties"]["rule"] |= codes_of_rules
    if definitions:
        described["$defs"] = definitions
    return described


def _by_process(refs: Mapping[Any, str]) -> list[dict[str, Any]]:
    """Describe `details` for each process, and which processes require a disclosure."""
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
