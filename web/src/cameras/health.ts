// How a camera is, as one of the words that the whole console uses.
import type { Camera, Finding } from '@/api/types'

export type Health = 'normal' | 'warning' | 'error' | 'critical' | 'unknown' | 'offline' | 'muted'

/** From the most urgent to the least. */
export const HEALTHS: Health[] = ['offline', 'critical', 'error', 'warning', 'unknown', 'normal', 'muted']

/** Compares names as people count: Gate 2 before Gate 10. */
export const names = new Intl.Collator(undefined, { numeric: true })

const RANK = Object.fromEntries(HEALTHS.map((one, rank) => [one, rank])) as Record<Health, number>

export function healthOf(camera: Camera): Health {
  if (!camera.enabled) return 'muted'
  if (camera.lost) return 'offline'
  return camera.status ?? 'unknown'
}

/** True if a person should see to the camera. */
export function needsSomeone(health: Health): boolean {
  return health === 'offline' || health === 'critical' || health === 'error' || health === 'warning'
}

const OLD_MS = 24 * 3_600_000

/** True if the state is that of a check more than a day ago. The master keeps such a state as it is. */
export function isOld(camera: Camera, now: number): boolean {
  return camera.enabled && Boolean(camera.checked_at) && now - Date.parse(camera.checked_at ?? '') > OLD_MS
}

export function byUrgency(a: Camera, b: Camera): number {
  return RANK[healthOf(a)] - RANK[healthOf(b)] || lossOrder(a) - lossOrder(b) || names.compare(a.name, b.name)
}

/** Of the cameras without a picture, those that were lost first come last: they are known already. */
function lossOrder(camera: Camera): number {
  return camera.lost ? -Date.parse(camera.lost.since) : 0
}

export function countByHealth(cameras: Camera[]): Record<Health, number> {
  const counts = Object.fromEntries(HEALTHS.map((one) => [one, 0])) as Record<Health, number>
  for (const camera of cameras) counts[healthOf(camera)] += 1
  return counts
}

export type FindingMark = 'normal' | 'warning' | 'error' | 'critical' | 'unknown' | 'failed'

/** A finding's mark: its status, or why it has none. */
export function markOf(finding: Finding): FindingMark {
  if (finding.status) return finding.status
  const kind = finding.failure?.kind
  return !kind || kind === 'inconclusive' || kind === 'unsupported-clip' ? 'unknown' : 'failed'
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
