"""Codes in facts: written strictly, read tolerantly (docs/contracts.md, "Tolerant readers").

Contracts grow, and a list of codes grows with them. A reader that meets a code which it does not know
keeps its value as it was received. Only the code that uses the value decides what to do with it.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, NoReturn, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticOmit, core_schema

__all__ = ["AS_STORED", "OpenCode", "UnknownCode", "is_open_code"]

AS_STORED: Final = "as stored"
"""The validation context for stored values: an unknown code in one is read and kept."""

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class UnknownCode(str):
    """A code that is not on our list, as it was received; it can be stored and passed on."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read it where something is read; take it over where something is made of what was read."""
        return core_schema.with_info_plain_validator_function(cls._read)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> NoReturn:
        """Publish nothing of it: what we write is on the list."""
        raise PydanticOmit

    @classmethod
    def _read(cls, value: object, info: core_schema.ValidationInfo[Any]) -> "UnknownCode":
        if isinstance(value, cls):
            return value
        is_read = info.mode == "json" or info.context is AS_STORED
        if is_read and isinstance(value, str) and _CODE.fullmatch(value):
            return cls(value)
        raise ValueError("it is no code")


class _ListFirst:
    """Looks a code up in its list first, so a known code costs nothing, and reports a single fault."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        listed: type[StrEnum] = get_args(source)[0]
        return core_schema.union_schema(
            [handler.generate_schema(listed), handler.generate_schema(UnknownCode)],
            mode="left_to_right",
            custom_error_type="enum",
            custom_error_context={"expected": " or ".join(repr(one.value) for one in listed)},
            serialization=core_schema.simple_ser_schema("str"),
        )


def is_open_code(schema: Mapping[str, Any]) -> bool:
    """Whether a schema of pydantic's core is that of a code in a fact."""
    return schema["type"] == "union" and schema.get("custom_error_type") == "enum"


E = TypeVar("E", bound=StrEnum)

OpenCode = Annotated[E | UnknownCode, _ListFirst()]
"""A code of a list, in a fact. A plain string that is not on the list is refused where a fact
is made; where one is read, it is kept as an `UnknownCode`."""
