// Saved filters of the list of cameras: what is saved of the page's address, and how it gets there again.
import type { LocationQueryRaw } from 'vue-router'
import type { CameraListFilter } from '@/api/types'
import { searched } from './list'

/** The parts of the address that are saved, with their usual values, which are left out. */
const USUAL = { q: '', health: '', group: '', cause: '', sort: 'urgency', view: 'table' } as const
type Part = keyof typeof USUAL
const PARTS = Object.keys(USUAL) as Part[]

/** As long as the master allows a name. */
export const MOST_NAME = 80
/** As long as the master allows each part except the words. */
const MOST_PART = 200

/** What is saved of the parts of the address. */
export function filterOf(parts: Record<Part, string>): CameraListFilter {
  const filter: CameraListFilter = {}
  for (const part of PARTS) {
    const value = part === 'q' ? searched(parts.q) : searched(parts[part]).slice(0, MOST_PART)
    if (value && value !== USUAL[part]) filter[part] = value
  }
  return filter
}

/** The address of a saved filter. Parts that it does not have get their usual values. */
export function addressOf(filter: CameraListFilter): LocationQueryRaw {
  return Object.fromEntries(PARTS.map((part) => [part, filter[part] ?? undefined]))
}

export function isSame(one: CameraListFilter, other: CameraListFilter): boolean {
  return PARTS.every((part) => (one[part] ?? '') === (other[part] ?? ''))
}

export function isUsual(filter: CameraListFilter): boolean {
  return isSame(filter, {})
}
