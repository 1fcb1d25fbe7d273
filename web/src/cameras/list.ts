// Which cameras a list shows, and in which order.
import type { Camera } from '@/api/types'
import { byUrgency, healthOf, isOld, names, needsSomeone } from './health'
import { matches } from './search'

export const SORTS = ['urgency', 'name', 'id', 'checked', 'changed'] as const
export type Sort = (typeof SORTS)[number]

export interface ListFilter {
  words: string
  /** A state, `attention` for all states that need someone, or `old` for those of a check long ago. */
  health: string
  group: string
  /** The order; a minus in front turns it round. */
  sort: string
}

const ORDERS: Record<Sort, (a: Camera, b: Camera) => number> = {
  urgency: byUrgency,
  name: (a, b) => names.compare(a.name, b.name),
  id: (a, b) => names.compare(a.id, b.id),
  checked: (a, b) => (b.checked_at ?? '').localeCompare(a.checked_at ?? ''),
  changed: (a, b) => b.updated_at.localeCompare(a.updated_at),
}

function hasHealth(camera: Camera, wanted: string, now: number): boolean {
  if (!wanted) return true
  if (wanted === 'old') return isOld(camera, now)
  const health = healthOf(camera)
  return wanted === 'attention' ? needsSomeone(health) : health === wanted
}

export function listed(cameras: Camera[], filter: ListFilter, now = Date.now()): Camera[] {
  const words = filter.words.trim().toLowerCase()
  const fits = (camera: Camera): boolean => {
    if (filter.group && !camera.groups.includes(filter.group)) return false
    if (!hasHealth(camera, filter.health, now)) return false
    return !words || matches(camera, words)
  }
  const reversed = filter.sort.startsWith('-')
  const order = ORDERS[filter.sort.replace('-', '') as Sort] ?? ORDERS.urgency
  const found = cameras.filter(fits).sort(order)
  return reversed ? found.reverse() : found
}
