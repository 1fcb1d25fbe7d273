// The JavaScript SDK for EasySight plugins.
//
// A plugin is one call of `plugin`. The result of the call is the component's exports:
//
//   import { Finding, number, plugin, text } from './vendor/easysight.js';
//
//   export const { describe, diagnose } = plugin({
//     name: 'gloom',
//     version: '1.0.0',
//     diagnoses: [{ id: 'gloom', title: text('昏暗', 'Gloom'), description: text('画面昏暗。', 'The picture is dark.') }],
//     settings: {
//       least_mean: number(40, 'Least mean luma.', { unit: 'grey level', minimum: 0, maximum: 255 }),
//     },
//     diagnose(clip, config) {
//       const mean = clip.luma(0, clip.levelWithin(640)).mean();
//       const finding = new Finding('gloom').metric('luma_mean', mean, 'grey level').decidedBy('luma_mean', config.least_mean);
//       return mean >= config.least_mean
//         ? finding.normal(text('亮度正常。', 'The light is fine.'))
//         : finding.warning(text('画面昏暗。', 'The picture is gloomy.'));
//     },
//   });
//
// Settings are declared once, and the SDK makes a JSON Schema from them. The host checks configurations against this
// schema and fills in the defaults. Enumerations of the contract are strings, spelled as in the contract in wit/
// (`luma`, `limited`, `warning`). 64-bit numbers are BigInt.

import { write } from 'easysight:diagnosis/log@1.2.0';

/** A text in both languages of the users. */
export const text = (zh, en) => ({ zh, en });

/** A setting that is a number. `facts` may have `unit`, `minimum` and `maximum` (both included in the range). */
export const number = (value, description, facts = {}) => ({ type: 'number', default: value, description, ...facts });

/** A setting that is an integer. */
export const integer = (value, description, facts = {}) => ({ ...number(value, description, facts), type: 'integer' });

/** A setting that is a boolean. */
export const boolean = (value, description) => ({ type: 'boolean', default: value, description });

/** A setting that is one of several words. */
export const choice = (value, description, words) => ({ type: 'string', default: value, description, enum: words });

/** Throw this if the picture does not show enough to decide. */
export const inconclusive = (why) => ({ tag: 'inconclusive', val: why });

/** Throw this if the clip does not have what the diagnosis needs: it has too few frames, or is too short. */
export const unsupportedClip = (why) => ({ tag: 'unsupported-clip', val: why });

/** Throw this if the configuration conforms to its schema but makes no sense. */
export const invalidConfig = (why) => ({ tag: 'invalid-config', val: why });

/** Writes a line to the operator's log. `level` is `debug`, `info`, `warn` or `error`. */
export const log = (line, level = 'info') => write(level, line);

/** 8-bit samples, row by row without padding. */
export class Plane {
  constructor(width, height, samples) {
    this.width = width;
    this.height = height;
    /** A Uint8Array. */
    this.samples = samples;
  }

  /** Computes the mean of all samples, or of a part of the plane. */
  mean(x = 0, y = 0, width = this.width, height = this.height) {
    let sum = 0;
    for (let row = y; row < y + height; row += 1) {
      const start = row * this.width;
      for (let at = start + x; at < start + x + width; at += 1) sum += this.samples[at];
    }
    return sum / (width * height);
  }
}

/** The host's clip. Every call that returns pixels costs fuel for each byte. */
export class Clip {
  #host;
  #info;
  #frames;

  constructor(host) {
    this.#host = host;
  }

  /** Facts about the clip: `width`, `height`, `frames`, `levels`, `range`, `frameRate`, `codec`, `live`. */
  get info() {
    return (this.#info ??= this.#host.info());
  }

  /** An object for each frame, with `timestampUs` (a BigInt) and `keyframe`. */
  get frames() {
    return (this.#frames ??= this.#host.frames());
  }

  /** Returns the errors that the decoder reported. */
  evidence() {
    return this.#host.evidence();
  }

  /**
   * Returns the state of the camera's own clock: `{tag, val}` with the tag `right`, `jumps` (the value is the number of
   * jumps), `stands-still` or `runs` (the value is the clock's speed as a multiple of real time). Returns undefined if
   * there is no clock, or if there are too few pictures for a judgement.
   */
  clock() {
    return this.#host.clock();
  }

  /** Returns the times of the frames, in seconds after the first frame. */
  seconds() {
    return this.frames.map((frame) => Number(frame.timestampUs) / 1e6);
  }

  /** Reads a whole plane (`luma`, `cb`, `cr`) of a frame. */
  plane(frame, kind, level) {
    const [width, height] = this.#host.size(kind, level);
    return new Plane(width, height, this.#host.plane(frame, kind, level));
  }

  /** Reads the luma plane of a frame. */
  luma(frame, level) {
    return this.plane(frame, 'luma', level);
  }

  /** Reads a part of a plane: `area` has `x`, `y`, `width`, `height` in samples. */
  crop(frame, kind, level, area) {
    return new Plane(area.width, area.height, this.#host.crop(frame, kind, level, area));
  }

  /** Returns the first level whose luma is at most `width` wide, or the last level if there is none. */
  levelWithin(width) {
    let level = 0;
    while (level + 1 < this.info.levels && this.info.width >> level > width) level += 1;
    return level;
  }

  /** Converts a luma value to full range, in which black is 0 and white is 255. */
  fullRange(luma) {
    if (this.info.range === 'full') return luma;
    return Math.min(Math.max(((luma - 16) * 255) / 219, 0), 255);
  }
}

/** A finding under construction. Each method returns the finding itself. */
export class Finding {
  constructor(diagnosis) {
    Object.assign(this, {
      diagnosis,
      status: 'normal',
      score: 100,
      decision: { metric: '', threshold: 0 },
      message: text('', ''),
      suggestions: [],
      metrics: [],
      regions: [],
    });
  }

  /** Adds a measured value. */
  metric(name, value, unit = '') {
    this.metrics.push({ name, value, unit });
    return this;
  }

  /** Names the metric that decided the finding, and its threshold. */
  decidedBy(metric, threshold) {
    this.decision = { metric, threshold };
    return this;
  }

  /** Sets the score, clamped to 0 to 100. */
  scored(value) {
    this.score = Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), 100);
    return this;
  }

  /** Sets the judgement. If the status is not normal, a score above 50 becomes 50. */
  judged(status, message) {
    this.status = status;
    this.message = message;
    if (status !== 'normal') this.score = Math.min(this.score, 50);
    return this;
  }

  /** Judges the finding as normal: nothing needs to be done. */
  normal(message) {
    return this.judged('normal', message);
  }

  /** Judges the finding as a warning: a person should check the camera. */
  warning(message) {
    return this.judged('warning', message);
  }

  /** Judges the finding as an error: the picture is hardly usable. */
  error(message) {
    return this.judged('error', message);
  }

  /** Adds a suggestion to remedy the fault. Add the most promising one first. */
  suggest(zh, en) {
    this.suggestions.push(text(zh, en));
    return this;
  }

  /** Marks where the fault is, in shares of the picture's width and height. */
  region(left, top, width, height, caption = text('故障', 'fault')) {
    this.regions.push({ left, top, width, height, caption });
    return this;
  }
}

/**
 * Converts a value to the scale that all diagnoses share: 100 if the value is at least as good as `good`, the value of
 * healthy pictures; 50 at the `threshold`; 0 at the `worst` or beyond; linear between these points.
 */
export function score(value, good, threshold, worst) {
  if (Number.isNaN(value)) return 0;
  const healthy = (value - threshold) * (good - threshold) >= 0;
  const [end, gain] = healthy ? [good, 50] : [worst, -50];
  const span = end - threshold;
  return span === 0 ? 50 : 50 + gain * Math.min(Math.max((value - threshold) / span, 0), 1);
}

/** Returns the median. If the number of values is even, it is the lower of the two middle values. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Makes the component's exports. `clip` is the requested clip; the default is a single picture. */
export function plugin({ name, version, diagnoses, settings, clip: wanted = {}, diagnose }) {
  const schema = { type: 'object', additionalProperties: false, properties: settings };
  const descriptor = {
    name,
    version,
    diagnoses,
    configSchema: JSON.stringify(schema),
    clip: { minFrames: 1, intervalMs: 0, spanMs: 0, ...wanted },
  };
  return {
    describe: () => descriptor,
    diagnose(clip, config) {
      try {
        const found = diagnose(new Clip(clip), parsed(config, settings));
        return { findings: Array.isArray(found) ? found : [found] };
      } catch (thrown) {
        if (!(thrown instanceof Error)) throw thrown;
        // An uncaught error would become a trap without a message.
        log(`${thrown}\n${thrown.stack}`, 'error');
        throw { tag: 'internal', val: String(thrown) };
      }
    },
  };
}

/** Parses the configuration. The host has checked the configuration; unknown settings are refused here too. */
function parsed(config, settings) {
  const given = JSON.parse(config);
  const unknown = Object.keys(given).find((key) => !(key in settings));
  if (unknown !== undefined) throw invalidConfig(`there is no setting \`${unknown}\``);
  return given;
}
