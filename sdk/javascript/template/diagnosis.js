// {{Title}}: an example to begin with. It measures how much of the picture is dark, and warns where that is
// most of it. Put your own measurement into `measure` and your own judgement into `judge`.

import { Finding, integer, number, plugin, score, text } from './vendor/easysight.js';

// Width in pixels of the picture that is looked at. The host halves pictures for you: ask for no more
// than your measurement needs, since every byte costs fuel.
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
  // Thresholds. Each has a unit, a range and a default, which operators see.
  settings: {
    dark_luma: integer(40, 'A pixel is dark where its luma is below this.', {
      unit: 'grey level',
      minimum: 1,
      maximum: 255,
    }),
    dark_share: number(0.8, 'Something is wrong where more than this share of the picture is dark.', {
      unit: 'share',
      minimum: 0,
      maximum: 1,
    }),
  },
  // One picture is enough here. `clip: { minFrames: 10, intervalMs: 200, spanMs: 2000 }` asks for two
  // seconds, a frame every 200 ms.

  diagnose: (clip, config) => judge(measure(clip, config.dark_luma), config.dark_share),
});

/** The share of dark pixels in the clip's middle frame. */
function measure(clip, darkLuma) {
  const { samples } = clip.luma(Math.floor(clip.info.frames / 2), clip.levelWithin(WIDTH));
  // Cameras send black as 16; full range makes it 0.
  let limit = 0;
  while (limit < 256 && clip.fullRange(limit) < darkLuma) limit += 1;
  let dark = 0;
  for (let at = 0; at < samples.length; at += 1) if (samples[at] < limit) dark += 1;
  return dark / samples.length;
}

/** The score is 100 without any dark pixel, 50 at the threshold and 0 where all is dark. */
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
