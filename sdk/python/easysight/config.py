"""A plugin's configuration: a dataclass of settings, and the JSON Schema that is derived from it.

The host fills in the defaults and checks the configuration against the schema before the plugin receives it. So each
setting is declared once, in the dataclass.
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
    """Declares one setting: a field of the configuration's dataclass.

    `description` explains what the setting does. `unit` is the unit of its number (`px`, `grey level`, `share`).
    `minimum` and `maximum` (both included), or `choices`, define the allowed values.
    """
    facts = {"description": description, "unit": unit, "minimum": minimum, "maximum": maximum}
    facts["enum"] = None if choices is None else list(choices)
    return dataclasses.field(default=default, metadata=facts)


def schema_of(config: type) -> str:
    """Returns the JSON Schema (draft 2020-12) of a dataclass of settings, as text."""
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
    """Parses the settings in `text`. The host has checked the settings; an unknown setting is an error here too."""
    given = json.loads(text)
    # JSON does not distinguish 40 from 40.0, but the dataclass does.
    floats = {field.name for field in dataclasses.fields(config) if field.type is float}
    return config(**{name: float(value) if name in floats else value for name, value in given.items()})
