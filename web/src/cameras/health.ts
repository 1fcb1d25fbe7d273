// The health of a camera, as one of the states that the whole console uses.
import type { Camera, CameraHealth, Finding, HealthCounts } from '@/api/types'

export type Health = 'normal' | 'warning' | 'error' | 'critical' | 'unknown' | 'offline' | 'muted'

/** From the most urgent to the least urgent. */
export const HEALTHS: Health[] = ['offline', 'critical', 'error', 'warning', 'unknown', 'normal', 'muted']

/** The states of cameras that need action. */
export const URGENT: Health[] = ['offline', 'critical', 'error', 'warning']

/** The API's names of a state. */
export function wordsOf(health: Health): CameraHealth[] {
  return health === 'unknown' ? ['unknown', 'unchecked'] : [health]
}

export function healthOf(camera: Camera): Health {
  if (!camera.enabled) return 'muted'
  if (camera.lost) return 'offline'
  return camera.status ?? 'unknown'
}

/** True if the camera needs action. */
export function needsSomeone(health: Health): boolean {
  return URGENT.includes(health)
}

/** The API's counts as counts of the console's states: cameras that were never checked count as unknown. */
export function countsOf(counts: HealthCounts): Record<Health, number> {
  const { unchecked, unknown, ...others } = counts
  return { ...others, unknown: unknown + unchecked }
}

export type FindingMark = 'normal' | 'warning' | 'error' | 'critical' | 'unknown' | 'failed'

/** The mark of a finding: its status, or the reason why it has none. */
export function markOf(finding: Finding): FindingMark {
  return markOfWord(finding.status ?? finding.failure?.kind ?? 'none')
}

/** The mark of a status, or of the kind of a failure. */
export function markOfWord(word: string): FindingMark {
  if (word === 'normal' || word === 'warning' || word === 'error' || word === 'critical') return word
  return word === 'none' || word === 'inconclusive' || word === 'unsupported-clip' ? 'unknown' : 'failed'
}

const MARK_RANK: Record<FindingMark, number> = { critical: 5, error: 4, warning: 3, failed: 2, unknown: 1, normal: 0 }

export function worse(a: FindingMark, b: FindingMark): FindingMark {
  return MARK_RANK[a] >= MARK_RANK[b] ? a : b
}

/** Sorts root causes before consequences, and worse findings before others. */
export function byWeight(a: Finding, b: Finding): number {
  const causes = Number(Boolean(a.consequence_of)) - Number(Boolean(b.consequence_of))
  return causes || MARK_RANK[markOf(b)] - MARK_RANK[markOf(a)] || a.diagnosis.localeCompare(b.diagnosis)
}

/** The finding that is the root cause, if the camera has a fault. */
export function rootCause<F extends Finding>(findings: F[]): F | undefined {
  const abnormal = findings.filter((one) => one.status && one.status !== 'normal')
  return abnormal.sort(byWeight)[0]
}
