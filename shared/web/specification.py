"""The description of a service: AsyncAPI for programs, and a page of it for people.

The page is plain HTML: it needs no script, so the policy of all pages holds for it as well. It is
for developers and in English, like the contracts that it shows.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from shared.contracts.asyncapi import MEDIA_TYPE
from shared.web.rendering import render
from shared.web.session import recognise

__all__ = ["install_specification"]

_FOR_S = 3600

Document = dict[str, Any]


def install_specification(
    app: FastAPI, describe: Callable[[], Document], **others: Callable[[], Document]
) -> None:
    """Serve a service's AsyncAPI document at `/asyncapi` and in words at `/docs`.

    `others` are documents of its communication partners, each served at `/asyncapi/<its name>`.
    """
    router = APIRouter(include_in_schema=False)
    own = cache(describe)
    router.add_api_route("/asyncapi", _route(own))
    for name, of_other in others.items():
        router.add_api_route(f"/asyncapi/{name}", _route(of_other))

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        document = own()
        await recognise(request)
        return render(
            request,
            "docs.html",
            document=document,
            operations=_operations(document),
            paths=app.openapi().get("paths", {}),
            others=sorted(others),
            headers_of=lambda message: _headers_of(document, message),
            schema_of=lambda message: _schema_of(document, message),
        )

    app.include_router(router)


def _route(describe: Callable[[], Document]) -> Callable[[], Any]:
    written = cache(lambda: json.dumps(describe(), ensure_ascii=False).encode())

    async def asyncapi() -> Response:
        headers = {"Cache-Control": f"public, max-age={_FOR_S}"}
        return Response(written(), media_type=MEDIA_TYPE, headers=headers)

    return asyncapi


def _operations(document: Document) -> list[Document]:
    """Return the operations: direction, topic, partitions and the names of the messages."""
    operations = []
    for operation in document["operations"].values():
        channel = document["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
        kafka = channel["bindings"]["kafka"]
        listed = [one["$ref"].rpartition("/")[2] for one in operation.get("messages", ())]
        operations.append(
            {
                "action": operation["action"],
                "topic": channel["address"],
                "partitions": kafka["partitions"],
                "messages": [
                    channel["messages"][key]["$ref"].rpartition("/")[2]
                    for key in listed or channel["messages"]
                ],
            }
        )
    return operations


def _headers_of(document: Document, message: Document) -> Document:
    """Return the headers of a message: those of its form, with its own additions."""
    (shared,) = message["headers"]["allOf"]
    form = document["components"]["schemas"][shared["$ref"].rpartition("/")[2]]
    own = message["headers"]["properties"]
    headers = {name: {**common, **own.get(name, {})} for name, common in form["properties"].items()}
    return {**form, "properties": headers}


def _schema_of(document: Document, message: Document) -> str:
    """Return the schema of a message's content as JSON, with the definitions that it uses."""
    schemas = document["components"]["schemas"]
    name = message["name"]
    wanted = {
        key: each for key, each in schemas.items() if key == name or key.startswith(f"{name}.")
    }
    return json.dumps(wanted, indent=1, ensure_ascii=False)
