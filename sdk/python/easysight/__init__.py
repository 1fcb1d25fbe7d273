"""The Python SDK for EasySight plugins.

A plugin is a class that extends `Plugin`. `export` makes the class `WitWorld` from it, and componentize-py makes the
component from the module that contains this class:

    from dataclasses import dataclass
    from easysight import Clip, Diagnosis, Finding, Plugin, Text, export, setting

    @dataclass
    class Config:
        least_mean: float = setting(40.0, "Least mean luma.", unit="grey level", minimum=0, maximum=255)

    class Gloom(Plugin):
        name, version, config = "gloom", "1.0.0", Config
        diagnoses = [Diagnosis("gloom", Text("昏暗", "Gloom"), Text("画面平均亮度过低。", "The picture is dark."))]

        def diagnose(self, clip: Clip, config: Config) -> Finding:
            mean = clip.luma(0, clip.level_within(640)).mean()
            finding = Finding("gloom").metric("luma_mean", mean, "grey level").decided_by("luma_mean", config.least_mean)
            if mean >= config.least_mean:
                return finding.normal(Text("亮度正常。", "The light is fine."))
            return finding.warning(Text("画面昏暗。", "The picture is gloomy."))

    WitWorld = export(Gloom)

The types come from the contract in `wit/`, through componentize-py's bindings (`wit_world`).
"""

from wit_world.imports.types import ClipRequest, Diagnosis, Region, Status, Text
from wit_world.imports.video import PlaneKind, SampleRange

from .clip import Clip, Plane, median
from .config import setting
from .finding import Finding, score
from .plugin import Plugin, export, inconclusive, invalid_config, log, unsupported_clip

__all__ = [
    "Clip",
    "ClipRequest",
    "Diagnosis",
    "Finding",
    "Plane",
    "PlaneKind",
    "Plugin",
    "Region",
    "SampleRange",
    "Status",
    "Text",
    "export",
    "inconclusive",
    "invalid_config",
    "log",
    "median",
    "score",
    "setting",
    "unsupported_clip",
]
