// Starts for people who plan a task: the usual sets of diagnoses, and whole tasks. Nothing here is saved by itself, and
// every setting keeps its default.
import type { Schedule } from '@/api/types'
import type { Definition } from './definition'

/** The usual sets of diagnoses. Together, they name every standard diagnosis once. An empty set means all diagnoses. */
export const SETS = {
  everything: [],
  picture: ['signal_loss', 'freeze', 'blue_screen', 'stream', 'clock'],
  quality: [
    'brightness',
    'contrast',
    'clarity',
    'focus_blur',
    'color_cast',
    'noise',
    'mosaic',
    'stripe',
    'flower_screen',
    'shake',
  ],
  view: ['occlusion', 'scene_change', 'lens_dirty'],
} as const satisfies Record<string, readonly string[]>

export type SetKey = keyof typeof SETS
export const SET_KEYS = Object.keys(SETS) as SetKey[]

/** What a set selects, of the diagnoses for which a plugin is active. */
export interface Choice {
  key: SetKey
  /** The selection of a task. Empty for all diagnoses. */
  diagnoses: string[]
  /** The number of diagnoses that would run now. */
  active: number
  /** The diagnoses of the set for which no plugin is active. */
  missing: string[]
  /** False if the set has diagnoses, but none is active: an empty selection would mean all. */
  isUsable: boolean
}

export function choiceOf(key: SetKey, active: readonly string[]): Choice {
  const set: readonly string[] = SETS[key]
  if (!set.length) return { key, diagnoses: [], active: new Set(active).size, missing: [], isUsable: true }
  const diagnoses = set.filter((one) => active.includes(one))
  const missing = set.filter((one) => !active.includes(one))
  return { key, diagnoses, active: diagnoses.length, missing, isUsable: diagnoses.length > 0 }
}

/** True if a task selects exactly what the set would select. */
export function isChosen(choice: Choice, selected: readonly string[]): boolean {
  const wanted = new Set(choice.diagnoses)
  return choice.isUsable && wanted.size === new Set(selected).size && selected.every((one) => wanted.has(one))
}

interface Template {
  set: SetKey
  /** `zone` is the time zone of the times of day. */
  schedule: (zone: string) => Schedule
}

const every = (every_s: number) => (): Schedule => ({ kind: 'interval', every_s, missed_runs: 'run_once' })
const daily =
  (hour: number) =>
  (zone: string): Schedule => ({
    kind: 'cron',
    expression: `0 ${hour} * * *`,
    time_zone: zone,
    missed_runs: 'run_once',
  })

/** The usual tasks. The view and the lens are judged by day: a dark picture hides what has changed. */
export const TEMPLATES = {
  hourly: { set: 'everything', schedule: every(3_600) },
  quarterly: { set: 'picture', schedule: every(900) },
  daylight: { set: 'view', schedule: daily(10) },
  morning: { set: 'everything', schedule: daily(7) },
} as const satisfies Record<string, Template>

export type TemplateKey = keyof typeof TEMPLATES
export const TEMPLATE_KEYS = Object.keys(TEMPLATES) as TemplateKey[]

/** Reads the name of a template from the address of the form. */
export function templateOf(query: Record<string, unknown>): TemplateKey | undefined {
  return TEMPLATE_KEYS.find((one) => one === query.template)
}

export interface Circumstances {
  /** The diagnoses for which a plugin is active. */
  active: readonly string[]
  zone: string
  /** The name of each template in the language of the console. */
  nameOf: (key: TemplateKey) => string
}

/** The form with the template filled in. A name that somebody has typed stays, as do the cameras. */
export function withTemplate(form: Definition, key: TemplateKey, { active, zone, nameOf }: Circumstances): Definition {
  const { set, schedule } = TEMPLATES[key]
  const choice = choiceOf(set, active)
  const isOwnName = form.name.trim() && !TEMPLATE_KEYS.some((one) => nameOf(one) === form.name)
  return {
    ...form,
    name: isOwnName ? form.name : nameOf(key),
    schedule: schedule(zone),
    // If none is active, the task names the whole set, and waits for its plugins.
    diagnoses: choice.isUsable ? choice.diagnoses : [...SETS[set]],
  }
}
