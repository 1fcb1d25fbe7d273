// {{Title}}: an example to start from. It measures the share of the picture that is dark, and warns if most of the
// picture is dark. Replace the measurement in `measure` and the judgement in `judge` with your own.

import { Finding, integer, number, plugin, score, text } from './vendor/easysight.js';

// The width of the measured picture, in pixels. The host provides smaller versions of the picture, each half the
// size of the one before. Request no more pixels than your measurement needs, because every byte costs fuel.
const WIDTH = 640;

export const { describe, diagnose } = plugin({
  name: '{{name}}',
  version: '0.1.0',
  diagnoses: [
    {
      id: '{{name}}',
      title: text('{{Title}}（示例）', '{{Title}}'),
      description: text('画面大部分过暗。', 'Most of the picture is dark.'),
    },
  ],
  // The thresholds. Each threshold has a unit, a range and a default. Operators see the thresholds in the web UI.
  settings: {
    dark_luma: integer(40, 'A pixel is dark if its luma is below this value.', {
      unit: 'grey level',
      minimum: 1,
      maximum: 255,
    }),
    dark_share: number(0.8, 'The finding is a warning if more than this share of the picture is dark.', {
      unit: 'share',
      minimum: 0,
      maximum: 1,
    }),
  },
  // One picture is enough here. `clip: { minFrames: 10, intervalMs: 200, spanMs: 2000 }` requests two seconds,
  // with a frame every 200 ms.

  diagnose: (clip, config) => judge(measure(clip, config.dark_luma), config.dark_share),
});

/** Measures the share of dark pixels in the clip's middle frame. */
function measure(clip, darkLuma) {
  const { samples } = clip.luma(Math.floor(clip.info.frames / 2), clip.levelWithin(WIDTH));
  // Most cameras encode black as 16. In full range, black is 0.
  let limit = 0;
  while (limit < 256 && clip.fullRange(limit) < darkLuma) limit += 1;
  let dark = 0;
  for (let at = 0; at < samples.length; at += 1) if (samples[at] < limit) dark += 1;
  return dark / samples.length;
}

/** Judges the share. The score is 100 without any dark pixel, 50 at the threshold and 0 if all pixels are dark. */
function judge(share, threshold) {
  const finding = new Finding('{{name}}')
    .metric('dark_share', share, 'share')
    .decidedBy('dark_share', threshold)
    .scored(score(share, 0, threshold, 1));
  if (share <= threshold) return finding.normal(text('画面正常。', 'The picture is fine.'));
  const percent = Math.round(100 * share);
  return finding
    .warning(text(`画面的 ${percent}% 过暗。`, `${percent} % of the picture is dark.`))
    .suggest('检查照明和光圈。', 'Check the lighting and the iris.');
}
