"""Reads what was posted, within bounds."""

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request

__all__ = ["FORM", "read_form", "read_posted"]

FORM: Final = "application/x-www-form-urlencoded"
_MOST_BYTES: Final = 32_768
_MOST_FIELDS: Final = 64


async def read_posted(request: Request, *kinds: str, most_bytes: int) -> tuple[str, bytes]:
    """Return the media type of what was posted, and its bytes.

    Raises:
        HTTPException: it is too large (413), or of none of these media types (415).

    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return kind, bytes(body)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of two with one name the last.

    Raises:
        HTTPException: it is too large (413), of another type (415), or cannot be read (400).

    """
    _, body = await read_posted(request, FORM, most_bytes=_MOST_BYTES)
    try:
        return dict(
            parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
            )
        )
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
