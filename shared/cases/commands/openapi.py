"""What `/openapi.json` says of an act: its typed fields, and each answer. Pure."""

from http import HTTPStatus
from typing import Any, Final

from shared.cases.commands.command import Command

__all__ = ["operation"]

Schema = dict[str, Any]

_PROBLEM: Final = {"application/problem+json": {"schema": {"type": "object"}}}
_ANSWERS: Final = {
    HTTPStatus.OK: "Done. For `Accept: application/json`.",
    HTTPStatus.SEE_OTHER: "Done. For browsers: leads to the page of the case.",
    HTTPStatus.NOT_FOUND: "There is no such case, or the person may not do this to it.",
    HTTPStatus.CONFLICT: (
        "Nothing was done: the case has changed (`stale`), is being changed (`busy`), is parked"
        " (`parked`), or does not allow the act as it stands (`refused`)."
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "Nothing was done: the input is not valid (`invalid`), or the key was used for other input"
        " (`reused`)."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The database does not answer. It may have been done: send the same again, it counts once."
    ),
}
_DONE: Final[Schema] = {
    "type": "object",
    "required": ["case_id", "act", "address"],
    "properties": {
        "case_id": {"type": "string", "format": "uuid"},
        "act": {"type": "string"},
        "address": {"type": "string", "description": "The page of the case."},
    },
}


def operation(command: type[Command], *, key: str, revision: str) -> Schema:
    """Return the operation of an act; `key` and `revision` name the fields that every form has."""
    schema = _schema(command, key=key, revision=revision)
    content = {
        kind: {"schema": schema}
        for kind in ("application/x-www-form-urlencoded", "application/json")
    }
    return {
        "requestBody": {"required": True, "content": content},
        "responses": {
            str(status.value): {"description": text, **_content(status)}
            for status, text in _ANSWERS.items()
        },
    }


def _content(status: HTTPStatus) -> Schema:
    if status is HTTPStatus.OK:
        return {"content": {"application/json": {"schema": _DONE}}}
    return {} if status is HTTPStatus.SEE_OTHER else {"content": _PROBLEM}


def _schema(command: type[Command], *, key: str, revision: str) -> Schema:
    """The fields of the command with its code lists in place, and those that every form has."""
    schema = command.model_json_schema()
    resolved: Schema = _resolved(schema, schema.pop("$defs", {}))
    common = {
        key: {
            "type": "string",
            "format": "uuid",
            "description": "New for each form. What is sent again under it counts once.",
        },
        revision: {
            "type": "integer",
            "minimum": 0,
            "description": "The revision of the case that the person saw.",
        },
    }
    resolved["properties"] = {**resolved.get("properties", {}), **common}
    resolved["required"] = [*resolved.get("required", ()), *common]
    return resolved


def _resolved(part: Any, definitions: Schema) -> Any:
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        listed = definitions[part["$ref"].rpartition("/")[2]]
        rest = {name: each for name, each in part.items() if name != "$ref"}
        return _resolved({**listed, **rest}, definitions)
    return {name: _resolved(each, definitions) for name, each in part.items()}
