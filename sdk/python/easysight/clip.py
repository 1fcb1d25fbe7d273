"""The clip as a plugin sees it, and measurements of a plane that need no loop in Python.

A Python loop costs hundreds of instructions for each pixel. On `bytes` some operations run inside the interpreter:
`sum`, `max`, slices with a step, `Counter`, `translate`. Request the smallest level that decides.
"""

from collections import Counter
from functools import cached_property
from typing import Iterator, Sequence

from wit_world.imports import video
from wit_world.imports.video import CameraClock, ClipInfo, DecoderEvidence, FrameInfo, PlaneKind, Rect, SampleRange


class Plane:
    """8-bit samples, row by row without padding."""

    def __init__(self, width: int, height: int, samples: bytes):
        self.width = width
        self.height = height
        self.samples = samples

    def row(self, y: int) -> bytes:
        """Returns one row."""
        return self.samples[y * self.width : (y + 1) * self.width]

    def rows(self) -> Iterator[bytes]:
        """Returns all rows from the top."""
        return (self.row(y) for y in range(self.height))

    def mean(self) -> float:
        """Computes the mean of all samples."""
        return sum(self.samples) / len(self.samples)

    def histogram(self) -> list[int]:
        """Counts the samples of each value, 0 to 255."""
        counted = Counter(self.samples)
        return [counted[value] for value in range(256)]

    def percentiles(self, *shares: float) -> list[int]:
        """Returns for each share (0 to 1) the smallest value that this share of the samples does not exceed."""
        histogram = self.histogram()
        values = []
        for share in shares:
            wanted, seen, value = share * len(self.samples), 0, 0
            for value, count in enumerate(histogram):
                seen += count
                if count and seen >= wanted:
                    break
            values.append(value)
        return values


class Clip:
    """The host's clip. Every call that returns pixels costs fuel for each byte."""

    def __init__(self, host: video.Clip):
        self._host = host

    @cached_property
    def info(self) -> ClipInfo:
        """The size, the number of frames and levels, the range, the rate and the codec."""
        return self._host.info()

    @cached_property
    def frames(self) -> list[FrameInfo]:
        """The timestamp and kind of each frame, in order."""
        return self._host.frames()

    @cached_property
    def evidence(self) -> DecoderEvidence:
        """The errors that the decoder reported."""
        return self._host.evidence()

    @cached_property
    def clock(self) -> CameraClock | None:
        """The behaviour of the camera's own clock. None if there is no clock, or too few pictures for a judgement."""
        return self._host.clock()

    def plane(self, frame: int, kind: PlaneKind, level: int) -> Plane:
        """Reads a whole plane of a frame."""
        width, height = self._host.size(kind, level)
        return Plane(width, height, self._host.plane(frame, kind, level))

    def luma(self, frame: int, level: int) -> Plane:
        """Reads the luma plane of a frame."""
        return self.plane(frame, PlaneKind.LUMA, level)

    def crop(self, frame: int, kind: PlaneKind, level: int, area: Rect) -> Plane:
        """Reads a part of a plane. `area` is in samples of that plane at that level."""
        return Plane(area.width, area.height, self._host.crop(frame, kind, level, area))

    def level_within(self, width: int) -> int:
        """Returns the first level whose luma is at most `width` wide, or the last level if there is none."""
        levels = range(self.info.levels)
        return next((level for level in levels if self.info.width >> level <= width), levels[-1])

    def spread(self, count: int) -> list[int]:
        """Chooses at most `count` frames, spread evenly over the duration of the clip, and returns their indices."""
        times = [frame.timestamp_us for frame in self.frames]
        chosen = []
        for step in range(count):
            wanted = times[-1] * step // max(count - 1, 1)
            nearest = min(range(len(times)), key=lambda index: abs(times[index] - wanted))
            if nearest not in chosen:
                chosen.append(nearest)
        return chosen

    def full_range(self, luma: float) -> float:
        """Converts a luma value to full range, in which black is 0 and white is 255."""
        if self.info.range == SampleRange.FULL:
            return luma
        return min(max((luma - 16.0) * 255.0 / 219.0, 0.0), 255.0)


def median(values: Sequence[float]) -> float:
    """Returns the median. If the number of values is even, it is the lower of the two middle values."""
    return sorted(values)[(len(values) - 1) // 2]
