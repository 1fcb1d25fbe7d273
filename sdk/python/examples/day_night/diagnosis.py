"""Determines whether the camera sends colour, or the grey picture of its infrared mode.

At night a camera moves its infrared filter aside and sends no colour. Two faults are possible. The camera stays in the
wrong mode (a sensor that is painted over, a stuck filter, a profile that follows the clock). Or the camera switches
back and forth at dusk, because its own lamp dazzles the light sensor that selects the mode.

The measure is the spread of chroma: the distance between the 0.5 % and 99.5 % percentiles of Cb or Cr, whichever is
larger, in a picture that is at most 160 chroma samples wide. Infrared pictures have the same chroma everywhere, mostly
exactly 128. A tint over the whole picture (a filter that is stuck under infrared light makes everything pink) shifts
both percentiles equally, so it does not count as colour. A coloured clock overlay covers less than 0.5 % of the
picture, so it does not change the percentiles.
"""

from dataclasses import dataclass

from easysight import (
    Clip,
    ClipRequest,
    Diagnosis,
    Finding,
    PlaneKind,
    Plugin,
    Text,
    export,
    median,
    score,
    setting,
)

# The luma width of the judged picture; chroma is half as wide. Averaging to this size removes the noise of the
# chroma channels, which at night is as strong as faint colours.
WIDTH = 320
# The largest number of frames. A camera that switches back and forth does so within seconds, not within frames.
FRAMES = 16


@dataclass
class Config:
    colour_spread: float = setting(
        12.0,
        "A frame is in colour if the spread of its chroma is at least this value.",
        unit="grey level",
        minimum=1,
        maximum=100,
    )
    expected: str = setting(
        "any",
        "The mode in which the camera should be; `any` if both modes are allowed.",
        choices=["any", "colour", "infrared"],
    )
    most_switches: int = setting(
        1,
        "The largest number of mode changes within the clip. A camera with more changes switches back and forth.",
        unit="changes",
        minimum=0,
        maximum=100,
    )


class DayNight(Plugin):
    name = "day_night"
    version = "1.0.0"
    config = Config
    diagnoses = [
        Diagnosis(
            "day_night",
            Text("日夜模式", "Day or night"),
            Text(
                "摄像机是彩色模式还是红外黑白模式；与期望不符，或来回切换时报警。",
                "Warns if the camera is not in the expected mode, colour or infrared, or switches back and forth.",
            ),
        )
    ]
    # Four seconds, because at dusk cameras switch back and forth with periods of one to a few seconds.
    clip = ClipRequest(min_frames=1, interval_ms=250, span_ms=4_000)

    def diagnose(self, clip: Clip, config: Config) -> Finding:
        spreads = [chroma_spread(clip, frame) for frame in clip.spread(FRAMES)]
        infrared = [spread < config.colour_spread for spread in spreads]
        switches = sum(a != b for a, b in zip(infrared, infrared[1:]))
        infrared_share = sum(infrared) / len(infrared)
        finding = (
            Finding("day_night")
            .metric("chroma_spread", median(spreads), "grey level")
            .metric("infrared_share", infrared_share, "share")
            .metric("switches", switches, "changes")
        )
        if switches > config.most_switches:
            return (
                finding.decided_by("switches", config.most_switches)
                .score(score(switches, 0, config.most_switches + 0.5, config.most_switches + 8))
                .warning(
                    Text(
                        f"摄像机在彩色与红外模式之间来回切换（{switches} 次）。",
                        f"The camera switches back and forth between colour and infrared ({switches} times).",
                    )
                )
                .suggest(
                    "调整日夜切换的灵敏度和延时，检查红外灯是否照到光敏元件。",
                    "Adjust sensitivity and delay of the day/night switch; check whether the lamp lights its sensor.",
                )
            )
        # The share of the frames in the wrong mode.
        wrong_share = {"any": 0.0, "colour": infrared_share, "infrared": 1.0 - infrared_share}[config.expected]
        finding.metric("wrong_mode_share", wrong_share, "share").decided_by("wrong_mode_share", 0.5)
        finding.score(score(wrong_share, 0.0, 0.5, 1.0))
        if wrong_share <= 0.5:
            now = Text("红外", "infrared") if infrared_share > 0.5 else Text("彩色", "colour")
            return finding.normal(Text(f"画面为{now.zh}模式。", f"The picture is in {now.en} mode."))
        if config.expected == "colour":
            return finding.warning(
                Text("应为彩色画面，实际为红外黑白画面。", "The picture should be in colour, but is infrared grey.")
            ).suggest(
                "检查日夜切换设置和光敏元件，检查红外滤光片是否卡住。",
                "Check the day/night setting, its light sensor, and whether the infrared filter is stuck.",
            )
        return finding.warning(
            Text("应为红外黑白画面，实际为彩色画面。", "The picture should be infrared grey, but is in colour.")
        ).suggest(
            "检查日夜切换设置，检查附近的灯光是否使摄像机保持白天模式。",
            "Check the day/night setting, and whether a lamp nearby keeps the camera in day mode.",
        )


def chroma_spread(clip: Clip, frame: int) -> float:
    """Returns the distance from the 0.5 % to the 99.5 % percentile, in grey levels, of Cb or of Cr, whichever is
    larger."""
    level = clip.level_within(WIDTH)
    spreads = []
    for kind in (PlaneKind.CB, PlaneKind.CR):
        low, high = clip.plane(frame, kind, level).percentiles(0.005, 0.995)
        spreads.append(high - low)
    return float(max(spreads))


WitWorld = export(DayNight)
