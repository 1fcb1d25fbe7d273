"""The class that an author extends, and the function that exports it from the component."""

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
    """The semantic version."""
    config: type
    """A dataclass whose fields are declared with `setting`."""
    diagnoses: Sequence[Diagnosis]
    """The diagnoses, at least one."""
    clip = ClipRequest(min_frames=1, interval_ms=0, span_ms=0)
    """The clip that the plugin needs. The default is a single picture."""

    def diagnose(self, clip: Clip, config: Any) -> Union[Finding, Sequence[Finding]]:
        """Judges one clip. If no judgement is possible, `raise inconclusive("…")` or a similar error."""
        raise NotImplementedError


def inconclusive(why: str) -> Err:
    """Makes the error to raise if the picture does not show enough to decide."""
    return Err(types.Failure_Inconclusive(why))


def unsupported_clip(why: str) -> Err:
    """Makes the error to raise if the clip does not have what the diagnosis needs: it has too few frames, or is too
    short."""
    return Err(types.Failure_UnsupportedClip(why))


def invalid_config(why: str) -> Err:
    """Makes the error to raise if the configuration conforms to its schema but makes no sense."""
    return Err(types.Failure_InvalidConfig(why))


def log(line: str, level: host_log.Level = host_log.Level.INFO) -> None:
    """Writes a line to the operator's log. The output of `print` is lost, because a plugin has no output."""
    host_log.write(level, line)


def export(plugin: type[Plugin]) -> type[wit_world.WitWorld]:
    """Returns the class that componentize-py expects. Assign it to `WitWorld`."""
    # The plugin is created while the component is built, so that it already exists at run time.
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
                # An uncaught exception would become a trap without a message.
                log(traceback.format_exc(limit=-3), host_log.Level.ERROR)
                raise Err(types.Failure_Internal(f"{type(error).__name__}: {error}")) from error
            findings = [found] if isinstance(found, Finding) else list(found)
            return types.Report([finding.finish() for finding in findings])

    return WitWorld
