// Which cameras a list shows, and in which order.
import type { Camera } from '@/api/types'
import { byUrgency, healthOf, names, needsSomeone, type Health } from './health'
import { matches } from './search'

export const SORTS = ['urgency', 'name', 'id', 'checked', 'changed'] as const
export type Sort = (typeof SORTS)[number]

export interface ListFilter {
  words: string
  /** A state, or `attention` for all states that need someone. */
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

export function listed(cameras: Camera[], filter: ListFilter): Camera[] {
  const words = filter.words.trim().toLowerCase()
  const fits = (camera: Camera): boolean => {
    if (filter.group && !camera.groups.includes(filter.group)) return false
    const health: Health = healthOf(camera)
    if (filter.health === 'attention' ? !needsSomeone(health) : filter.health && health !== filter.health) return false
    return !words || matches(camera, words)
  }
  const reversed = filter.sort.startsWith('-')
  const order = ORDERS[filter.sort.replace('-', '') as Sort] ?? ORDERS.urgency
  const found = cameras.filter(fits).sort(order)
  return reversed ? found.reverse() : found
}
