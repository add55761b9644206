"""The base class of every section of the settings.

A section is a frozen pydantic model. The text under a key is its description, which config.yaml, the JSON
Schema and the reference page repeat (tools/write_config.py).
"""

import types
import typing
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

WORDS = {"true": True, "false": False, "null": None, "~": None}


class Settings(BaseModel):
    """A section of the settings: unknown keys, wrong types, NaN and infinity are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed and everything checked again."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: object, info: ValidationInfo) -> object:
        """Convert lists to tuples, and text to a number if the key is not text.

        Snakemake's ``--config`` passes everything as text, and YAML reads ``1e-3`` as text.
        """
        assert info.field_name is not None
        return _plain(value, takes_text(cls.model_fields[info.field_name].annotation))


def takes_text(annotation: object) -> bool:
    """Whether a value of this type may be text."""
    if typing.get_origin(annotation) is typing.Literal:
        return any(isinstance(choice, str) for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) in (tuple, typing.Union, types.UnionType, typing.Annotated):
        return any(takes_text(part) for part in typing.get_args(annotation))
    return annotation is str


def section_in(annotation: object) -> type[Settings] | None:
    """The model in an annotation such as ``Stage`` or ``tuple[Stage, ...]``; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := section_in(part))), None)


def _plain(value: object, text: bool) -> object:
    if isinstance(value, list | tuple):
        return tuple(_plain(item, text) for item in value)
    if not isinstance(value, str):
        return value
    if text:
        return None if value in ("null", "~") else value
    if value.lower() in WORDS:
        return WORDS[value.lower()]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def misfit(key: str, found: object, expected: str) -> PydanticCustomError:
    """The error of a key whose value conflicts with another key. Raise it in a model validator."""
    return PydanticCustomError("misfit", "{expected}", {"key": key, "found": found, "expected": expected})
