// How a camera is, as one of the words that the whole console uses.
import type { Camera, CameraHealth, Finding, HealthCounts } from '@/api/types'

export type Health = 'normal' | 'warning' | 'error' | 'critical' | 'unknown' | 'offline' | 'muted'

/** From the most urgent to the least. */
export const HEALTHS: Health[] = ['offline', 'critical', 'error', 'warning', 'unknown', 'normal', 'muted']

/** The states that need someone. */
export const URGENT: Health[] = ['offline', 'critical', 'error', 'warning']

/** The words of the API for a state. */
export function wordsOf(health: Health): CameraHealth[] {
  return health === 'unknown' ? ['unknown', 'unchecked'] : [health]
}

export function healthOf(camera: Camera): Health {
  if (!camera.enabled) return 'muted'
  if (camera.lost) return 'offline'
  return camera.status ?? 'unknown'
}

/** True if a person should see to the camera. */
export function needsSomeone(health: Health): boolean {
  return URGENT.includes(health)
}

/** The numbers of the API in the words of the console: what was never checked cannot be told either. */
export function countsOf(counts: HealthCounts): Record<Health, number> {
  const { unchecked, unknown, ...others } = counts
  return { ...others, unknown: unknown + unchecked }
}

export type FindingMark = 'normal' | 'warning' | 'error' | 'critical' | 'unknown' | 'failed'

/** A finding's mark: its status, or why it has none. */
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

/** Findings with the root causes first, and the worst of them first. */
export function byWeight(a: Finding, b: Finding): number {
  const causes = Number(Boolean(a.consequence_of)) - Number(Boolean(b.consequence_of))
  return causes || MARK_RANK[markOf(b)] - MARK_RANK[markOf(a)] || a.diagnosis.localeCompare(b.diagnosis)
}

/** The finding that names what is wrong, if anything is. */
export function rootCause<F extends Finding>(findings: F[]): F | undefined {
  const abnormal = findings.filter((one) => one.status && one.status !== 'normal')
  return abnormal.sort(byWeight)[0]
}
