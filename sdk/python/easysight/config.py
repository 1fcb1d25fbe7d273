"""A plugin's configuration: a dataclass of settings, and the JSON Schema that is derived from it.

The schema is what the host checks a configuration against before the plugin sees it, with every
default filled in. So there is one declaration of each setting, and it is in the dataclass.
"""

import dataclasses
import json
from typing import Any, Optional, Sequence, TypeVar

T = TypeVar("T")

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    minimum: Optional[float] = None,
    maximum: Optional[float] = None,
    choices: Optional[Sequence[str]] = None,
) -> Any:
    """One setting: a field of the configuration's dataclass.

    `description` says what the setting does, `unit` what its number counts (`px`, `grey level`,
    `share`), `minimum` and `maximum` (both included) or `choices` what is allowed.
    """
    facts = {"description": description, "unit": unit, "minimum": minimum, "maximum": maximum}
    facts["enum"] = None if choices is None else list(choices)
    return dataclasses.field(default=default, metadata=facts)


def schema_of(config: type) -> str:
    """The JSON Schema (draft 2020-12) of a dataclass of settings, as text."""
    properties = {}
    for field in dataclasses.fields(config):
        if field.type not in _TYPES:
            raise TypeError(f"{config.__name__}.{field.name}: a setting is a bool, int, float or str")
        if field.default is dataclasses.MISSING:
            raise TypeError(f"{config.__name__}.{field.name}: a setting has a default")
        facts = {key: value for key, value in field.metadata.items() if value not in (None, "")}
        properties[field.name] = {"type": _TYPES[field.type], "default": field.default, **facts}
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return json.dumps(schema, ensure_ascii=False)


def parse(config: type[T], text: str) -> T:
    """The settings in `text`. The host has checked them; what it did not know is an error here."""
    given = json.loads(text)
    # JSON does not tell 40 from 40.0, the dataclass does.
    floats = {field.name for field in dataclasses.fields(config) if field.type is float}
    return config(**{name: float(value) if name in floats else value for name, value in given.items()})
