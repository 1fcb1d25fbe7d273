"""A builder for findings, so that a plugin does not write out every field."""

import math
from typing import Optional

from wit_world.imports.types import Decision, Metric, Region, Status, Text
from wit_world.imports import types


def score(value: float, good: float, threshold: float, worst: float) -> float:
    """Converts a value to the scale that all diagnoses share: 100 if the value is at least as good as `good`, the value
    of healthy pictures; 50 at the `threshold`; 0 at the `worst` or beyond; linear between these points."""
    if math.isnan(value):
        return 0.0
    healthy = (value - threshold) * (good - threshold) >= 0
    end, gain = (good, 50.0) if healthy else (worst, -50.0)
    span = end - threshold
    return 50.0 if span == 0 else 50.0 + gain * min(max((value - threshold) / span, 0.0), 1.0)


class Finding:
    """A finding under construction. Each method returns the finding itself."""

    def __init__(self, diagnosis: str):
        self._finding = types.Finding(
            diagnosis, Status.NORMAL, 100.0, Decision("", 0.0), Text("", ""), [], [], []
        )

    def metric(self, name: str, value: float, unit: str = "") -> "Finding":
        """Adds a measured value."""
        self._finding.metrics.append(Metric(name, float(value), unit))
        return self

    def decided_by(self, metric: str, threshold: float) -> "Finding":
        """Names the metric that decided the finding, and its threshold."""
        self._finding.decision = Decision(metric, float(threshold))
        return self

    def score(self, value: float) -> "Finding":
        """Sets the score, clamped to 0 to 100."""
        self._finding.score = 0.0 if math.isnan(value) else min(max(float(value), 0.0), 100.0)
        return self

    def judged(self, status: Status, message: Text) -> "Finding":
        """Sets the judgement. If the status is not normal, a score above 50 becomes 50."""
        self._finding.status = status
        self._finding.message = message
        if status != Status.NORMAL:
            self._finding.score = min(self._finding.score, 50.0)
        return self

    def normal(self, message: Text) -> "Finding":
        """Judges the finding as normal: nothing needs to be done."""
        return self.judged(Status.NORMAL, message)

    def warning(self, message: Text) -> "Finding":
        """Judges the finding as a warning: a person should check the camera."""
        return self.judged(Status.WARNING, message)

    def error(self, message: Text) -> "Finding":
        """Judges the finding as an error: the picture is hardly usable."""
        return self.judged(Status.ERROR, message)

    def suggest(self, zh: str, en: str) -> "Finding":
        """Adds a suggestion to remedy the fault. Add the most promising one first."""
        self._finding.suggestions.append(Text(zh, en))
        return self

    def region(
        self, left: float, top: float, width: float, height: float, caption: Optional[Text] = None
    ) -> "Finding":
        """Marks where the fault is, in shares of the picture's width and height."""
        self._finding.regions.append(Region(left, top, width, height, caption or Text("故障", "fault")))
        return self

    def finish(self) -> types.Finding:
        """Returns the finding in the contract's type."""
        return self._finding
