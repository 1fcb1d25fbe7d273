// Flicker: the whole picture gets brighter and darker repeatedly.
//
// There are three causes. Lamps on alternating current beat with the frame rate (100 Hz light in a 30 Hz picture
// varies 10 times a second). A failing lamp blinks. An exposure control that reacts too fast oscillates: it
// corrects too far, gets a picture that is too dark, and corrects too far again. All three causes change the light
// of the whole scene by the same factor, whereas moving objects change only parts of the scene.
//
// So the picture is divided into tiles. The mean luma of each tile in each frame is divided by the tile's own mean
// over the clip. The light of a frame is the median of these ratios over the tiles, because an object changes only
// the tiles that it crosses. A straight line is subtracted from the light over time, because a cloud or dusk changes
// the light only once. The remaining variation is flicker if it is large and frequent enough. Its amplitude is the
// peak-to-peak value of a sine of the same power. A swing is a change from the upper quarter of this peak-to-peak
// range to the lower quarter, or back. A scene lit by a flashing lamp cannot be distinguished from flicker.

import {
  Finding,
  inconclusive,
  integer,
  median,
  number,
  plugin,
  score,
  text,
  unsupportedClip,
} from '../../easysight.js';

/** The luma width of the judged picture. Tiles need no finer picture. */
const WIDTH = 96;
/** The number of tiles across. */
const ACROSS = 4;
/** The number of tiles down. */
const DOWN = 4;
/** The duration that is judged. */
const SPAN_MS = 3000;
/** The shortest duration that is judged. A shorter clip does not show two swings of an oscillating exposure control. */
const LEAST_SPAN_S = 1;
/** The smallest number of frames in which a swing can be recognised. */
const LEAST_FRAMES = 12;
/** Tiles with a mean below this grey level are crushed and show no change. */
const DARKEST = 8;
/** Tiles with a mean above this grey level are clipped and show no change. */
const BRIGHTEST = 247;

export const { describe, diagnose } = plugin({
  name: 'flicker',
  version: '1.0.0',
  diagnoses: [
    {
      id: 'flicker',
      title: text('闪烁', 'Flicker'),
      description: text(
        '整个画面忽明忽暗：照明频闪或曝光来回调整。经过的物体和缓慢的光线变化不会报警。',
        'The whole picture gets brighter and darker repeatedly: lamps or an oscillating exposure. Passing objects and slow changes of light raise no alarm.',
      ),
    },
  ],
  settings: {
    amplitude: number(0.05, 'The light flickers if it swings by more than this, peak to peak.', {
      unit: 'share of the mean luma',
      minimum: 0.005,
      maximum: 2,
    }),
    least_swings: integer(4, 'The smallest number of swings within three seconds that counts as flicker.', {
      unit: 'swings',
      minimum: 2,
      maximum: 100,
    }),
  },
  clip: { minFrames: LEAST_FRAMES, intervalMs: 0, spanMs: SPAN_MS },

  diagnose(clip, config) {
    const times = clip.seconds().filter((time) => time * 1000 <= SPAN_MS);
    const span = times[times.length - 1];
    if (times.length < LEAST_FRAMES || span < LEAST_SPAN_S) {
      throw unsupportedClip('at least one second of video with all frames is needed to judge flicker');
    }
    const light = lightOf(clip, times.length);
    const steady = withoutTrend(times, light);
    const rms = Math.sqrt(steady.reduce((sum, value) => sum + value * value, 0) / steady.length);
    const amplitude = 2 * Math.SQRT2 * rms;
    const swings = swingsOf(steady, rms / Math.SQRT2);
    const flickers = amplitude > config.amplitude && swings >= config.least_swings;

    const finding = new Finding('flicker')
      .metric('swing_amplitude', amplitude, 'share')
      .metric('swings', swings, 'swings')
      .metric('swing_rate', swings / 2 / span, 'Hz');
    if (!flickers && amplitude > config.amplitude) {
      // The light changes considerably, but not often enough.
      return finding
        .decidedBy('swings', config.least_swings)
        .scored(score(swings, 0, config.least_swings, 2 * config.least_swings))
        .normal(text('光线有变化，但没有反复闪烁。', 'The light changes, but not repeatedly.'));
    }
    finding
      .decidedBy('swing_amplitude', config.amplitude)
      .scored(score(amplitude, 0, config.amplitude, 10 * config.amplitude));
    if (!flickers) return finding.normal(text('亮度稳定。', 'The light is steady.'));
    const percent = Math.round(100 * amplitude);
    const rate = (swings / 2 / span).toFixed(1);
    return finding
      .warning(
        text(
          `画面闪烁：亮度每秒波动 ${rate} 次，幅度 ${percent}%。`,
          `The picture flickers: the light swings ${rate} times a second by ${percent} %.`,
        ),
      )
      .suggest(
        '将摄像机的防闪烁（50/60 Hz）设为当地电网频率，检查现场灯具。',
        'Set the camera’s anti-flicker mode to the mains frequency (50 or 60 Hz), and check the lamps on site.',
      )
      .suggest(
        '降低自动曝光和增益的调整速度，或固定快门。',
        'Slow down the automatic exposure and gain, or fix the shutter.',
      );
  },
});

/** Returns for each frame the median, over the tiles, of the tile's luma divided by the tile's own mean, minus 1. */
function lightOf(clip, frames) {
  const level = clip.levelWithin(WIDTH);
  const series = Array.from({ length: ACROSS * DOWN }, () => []);
  for (let frame = 0; frame < frames; frame += 1) {
    const plane = clip.luma(frame, level);
    for (let tile = 0; tile < series.length; tile += 1) {
      const [column, row] = [tile % ACROSS, Math.floor(tile / ACROSS)];
      // Every tile has at least one sample, even if the picture is smaller than the grid.
      const x = Math.min(Math.floor((column * plane.width) / ACROSS), plane.width - 1);
      const y = Math.min(Math.floor((row * plane.height) / DOWN), plane.height - 1);
      const width = Math.max(Math.floor(((column + 1) * plane.width) / ACROSS) - x, 1);
      const height = Math.max(Math.floor(((row + 1) * plane.height) / DOWN) - y, 1);
      series[tile].push(clip.fullRange(plane.mean(x, y, width, height)));
    }
  }
  const shares = [];
  for (const values of series) {
    const mean = values.reduce((sum, value) => sum + value, 0) / frames;
    if (mean >= DARKEST && mean <= BRIGHTEST) shares.push(values.map((value) => value / mean - 1));
  }
  if (2 * shares.length < series.length) {
    throw inconclusive('more than half of the picture is black or clipped, where changes of light are not visible');
  }
  return Array.from({ length: frames }, (_, frame) => median(shares.map((values) => values[frame])));
}

/** Subtracts the straight line of least squares. */
function withoutTrend(times, values) {
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [time, value] = [mean(times), mean(values)];
  const spread = times.reduce((sum, t) => sum + (t - time) ** 2, 0);
  const slope = times.reduce((sum, t, at) => sum + (t - time) * (values[at] - value), 0) / spread;
  return values.map((v, at) => v - value - slope * (times[at] - time));
}

/** Counts the changes of the values from above `margin` to below `-margin` or back. */
function swingsOf(values, margin) {
  let [swings, side] = [0, 0];
  for (const value of values) {
    const now = value > margin ? 1 : value < -margin ? -1 : side;
    if (side !== 0 && now !== side) swings += 1;
    side = now;
  }
  return swings;
}
