"""{{Title}}: an example to start from. It measures the share of the picture that is dark, and warns if most of the
picture is dark. Replace the measurement in `measure` and the judgement in `judge` with your own."""

from dataclasses import dataclass

from easysight import Clip, Diagnosis, Finding, Plugin, Text, export, score, setting

# The width of the measured picture, in pixels. The host provides smaller versions of the picture, each half the
# size of the one before. Request no more pixels than your measurement needs, because every byte costs fuel.
WIDTH = 640


@dataclass
class Config:
    """The thresholds. Each threshold has a unit, a range and a default. Operators see the thresholds in the web UI."""

    dark_luma: int = setting(
        40, "A pixel is dark if its luma is below this value.", unit="grey level", minimum=1, maximum=255
    )
    dark_share: float = setting(
        0.8,
        "The finding is a warning if more than this share of the picture is dark.",
        unit="share",
        minimum=0,
        maximum=1,
    )


class Dark(Plugin):
    name = "{{name}}"
    version = "0.1.0"
    config = Config
    diagnoses = [
        Diagnosis(
            "{{name}}",
            Text("{{Title}}（示例）", "{{Title}}"),
            Text("画面大部分过暗。", "Most of the picture is dark."),
        )
    ]
    # One picture is enough here. `clip = ClipRequest(min_frames=10, interval_ms=200, span_ms=2000)` requests two
    # seconds, with a frame every 200 ms.

    def diagnose(self, clip: Clip, config: Config) -> Finding:
        return judge(measure(clip, config.dark_luma), config.dark_share)


def measure(clip: Clip, dark_luma: int) -> float:
    """Measures the share of dark pixels in the clip's middle frame."""
    luma = clip.luma(clip.info.frames // 2, clip.level_within(WIDTH))
    # Most cameras encode black as 16. In full range, black is 0.
    dark = sum(
        count for value, count in enumerate(luma.histogram()) if clip.full_range(value) < dark_luma
    )
    return dark / len(luma.samples)


def judge(share: float, threshold: float) -> Finding:
    """Judges the share. The score is 100 without any dark pixel, 50 at the threshold and 0 if all pixels are dark."""
    finding = Finding("{{name}}").metric("dark_share", share, "share").decided_by("dark_share", threshold)
    finding.score(score(share, 0.0, threshold, 1.0))
    if share <= threshold:
        return finding.normal(Text("画面正常。", "The picture is fine."))
    return finding.warning(
        Text(f"画面的 {100 * share:.0f}% 过暗。", f"{100 * share:.0f} % of the picture is dark.")
    ).suggest("检查照明和光圈。", "Check the lighting and the iris.")


WitWorld = export(Dark)
