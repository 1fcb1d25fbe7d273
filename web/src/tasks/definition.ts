// The definition of a task in the form: every field has a value.
import type { Task, TaskRequest } from '@/api/types'

export type Definition = Required<Omit<TaskRequest, 'id' | 'deadline_ms'>> & Pick<TaskRequest, 'id' | 'deadline_ms'>

export function freshTask(): Definition {
  return {
    id: undefined,
    name: '',
    cameras: [],
    groups: [],
    diagnoses: [],
    config: {},
    schedule: { kind: 'interval', every_s: 3_600, missed_runs: 'run_once' },
    priority: 0,
    required_labels: {},
    max_attempts: 3,
    full_look_every: 1,
    deadline_ms: undefined,
    enabled: true,
  }
}

export function definitionOf(task: Task): Definition {
  const usual = freshTask()
  return {
    id: undefined,
    name: task.name,
    cameras: task.cameras ?? [],
    groups: task.groups ?? [],
    diagnoses: task.diagnoses ?? [],
    config: task.config ?? {},
    schedule: task.schedule ?? { kind: 'manual' },
    priority: task.priority ?? usual.priority,
    required_labels: task.required_labels ?? {},
    max_attempts: task.max_attempts ?? usual.max_attempts,
    full_look_every: task.full_look_every ?? usual.full_look_every,
    deadline_ms: task.deadline_ms ?? undefined,
    enabled: task.enabled ?? true,
  }
}

/** A value for a setting that another page has found. */
export interface Fill {
  diagnosis: string
  setting: string
  value: number
}

/** Reads such a value from the address of the form. */
export function fillOf(query: Record<string, unknown>): Fill | undefined {
  const { diagnosis, setting, value } = query
  if (typeof diagnosis !== 'string' || typeof setting !== 'string' || typeof value !== 'string') return undefined
  const number = Number(value)
  return diagnosis && setting && value.trim() && Number.isFinite(number)
    ? { diagnosis, setting, value: number }
    : undefined
}

/** The definition with the value in its place. */
export function filledIn(form: Definition, { diagnosis, setting, value }: Fill): Definition {
  return { ...form, config: { ...form.config, [diagnosis]: { ...form.config[diagnosis], [setting]: value } } }
}
