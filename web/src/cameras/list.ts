// The filter and the order of a list of cameras: converts them from the page's address to a query of the API.
import type { operations } from '@/api/schema'
import { HEALTHS, URGENT, wordsOf, type Health } from './health'

export type CameraQuery = NonNullable<operations['cameras_list']['parameters']['query']>

export interface ListFilter {
  words: string
  /** A state, `attention` for all states that need action, or `old` for cameras whose last check is long ago. */
  health: string
  group: string
  /** The diagnosis that gives the cameras their state. */
  cause: string
  /** The order; a leading minus reverses it. */
  sort: string
}

const OLD_MS = 24 * 3_600_000
/** Times in requests are rounded, so that the same list keeps the same request for a while. */
const ROUND_MS = 60_000

/** The orders with their usual directions: the most urgent first, the latest first. */
const ORDERS = {
  urgency: { sort: 'health', falls: false },
  name: { sort: 'name', falls: false },
  id: { sort: 'id', falls: false },
  checked: { sort: 'checked_at', falls: true },
  since: { sort: 'since', falls: true },
} as const
export type Sort = keyof typeof ORDERS
export const SORTS = Object.keys(ORDERS) as Sort[]

function isSort(word: string): word is Sort {
  return Object.hasOwn(ORDERS, word)
}

/** The order that the address names, or the default if the address names no known order. */
export function orderOf(sort: string): { by: Sort; reversed: boolean } {
  const reversed = sort.startsWith('-')
  const by = reversed ? sort.slice(1) : sort
  return isSort(by) ? { by, reversed } : { by: 'urgency', reversed: false }
}

function healthsOf(wanted: string): Health[] {
  if (wanted === 'attention') return URGENT
  // Paused cameras are not checked, so their state does not count as old.
  if (wanted === 'old') return HEALTHS.filter((one) => one !== 'muted')
  return HEALTHS.filter((one) => one === wanted)
}

/** The largest number of characters of a search that are sent. No name is longer. */
export const MOST_WORDS = 1_000

// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]+/g

/** The words of a search as the master takes them: a cell that is pasted from a table may have a tab in it. */
export function searched(words: string): string {
  return words.replace(CONTROLS, ' ').trim().slice(0, MOST_WORDS)
}

export function queryOf(filter: ListFilter, now = Date.now()): CameraQuery {
  const { by, reversed } = orderOf(filter.sort)
  const { sort, falls } = ORDERS[by]
  const query: CameraQuery = { sort, direction: falls === reversed ? 'ascending' : 'descending' }
  const words = searched(filter.words)
  const healths = healthsOf(filter.health).flatMap(wordsOf)
  if (words) query.q = words
  if (filter.group) query.group = filter.group
  if (filter.cause) query.cause = filter.cause
  if (healths.length) query.health = healths
  if (filter.health === 'old')
    query.checked_before = new Date(Math.floor((now - OLD_MS) / ROUND_MS) * ROUND_MS).toISOString()
  return query
}
