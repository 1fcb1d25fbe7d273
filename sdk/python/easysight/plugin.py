"""What an author extends, and how it becomes the component's exports."""

import traceback
from typing import Any, Sequence, Union

import wit_world
from componentize_py_types import Err
from wit_world.imports import log as host_log
from wit_world.imports import types, video
from wit_world.imports.types import ClipRequest, Diagnosis

from .clip import Clip
from .config import parse, schema_of
from .finding import Finding


class Plugin:
    """A diagnosis, or several that share their measurements."""

    name: str
    """1 to 64 characters of `a-z`, `0-9`, `-` and `_`."""
    version: str
    """Semantic version."""
    config: type
    """A dataclass whose fields are made by `setting`."""
    diagnoses: Sequence[Diagnosis]
    """At least one."""
    clip = ClipRequest(min_frames=1, interval_ms=0, span_ms=0)
    """The clip that it needs: a single picture unless it says otherwise."""

    def diagnose(self, clip: Clip, config: Any) -> Union[Finding, Sequence[Finding]]:
        """Judges one clip. Where there can be no judgement: `raise inconclusive("…")` and the like."""
        raise NotImplementedError


def inconclusive(why: str) -> Err:
    """To be raised where the picture cannot tell."""
    return Err(types.Failure_Inconclusive(why))


def unsupported_clip(why: str) -> Err:
    """To be raised where the clip lacks what the diagnosis needs: too few frames, too short."""
    return Err(types.Failure_UnsupportedClip(why))


def invalid_config(why: str) -> Err:
    """To be raised where the configuration passed its schema and still makes no sense."""
    return Err(types.Failure_InvalidConfig(why))


def log(line: str, level: host_log.Level = host_log.Level.INFO) -> None:
    """Writes a line to the operator's log. `print` goes nowhere: a plugin has no output."""
    host_log.write(level, line)


def export(plugin: type[Plugin]) -> type[wit_world.WitWorld]:
    """The class that componentize-py looks for; assign it to `WitWorld`."""
    # Here, while the component is built: at run time it is there already.
    the_plugin = plugin()
    descriptor = types.Descriptor(
        plugin.name, plugin.version, list(plugin.diagnoses), schema_of(plugin.config), plugin.clip
    )

    class WitWorld(wit_world.WitWorld):
        def describe(self) -> types.Descriptor:
            return descriptor

        def diagnose(self, clip: video.Clip, config: str) -> types.Report:
            try:
                try:
                    settings = parse(plugin.config, config)
                except (TypeError, ValueError) as error:
                    raise invalid_config(str(error)) from error
                found = the_plugin.diagnose(Clip(clip), settings)
            except Err:
                raise
            except Exception as error:
                # An uncaught exception would end as a trap without words.
                log(traceback.format_exc(limit=-3), host_log.Level.ERROR)
                raise Err(types.Failure_Internal(f"{type(error).__name__}: {error}")) from error
            findings = [found] if isinstance(found, Finding) else list(found)
            return types.Report([finding.finish() for finding in findings])

    return WitWorld
