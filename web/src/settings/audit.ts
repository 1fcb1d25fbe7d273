// The audit log: filters by day, export, and the texts of an entry.
import type { AuditFilter } from '@/api/queries'
import { address } from '@/api/client'
import type { AuditEntry } from '@/api/types'

export interface Row {
  field: string
  before: string
  after: string
}

/** A value as text for people. A missing value is an empty text. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join('\n')
  return JSON.stringify(value, undefined, 2)
}

/** The fields of an entry, before and after. */
export function rows(entry: AuditEntry): Row[] {
  const before = entry.before ?? {}
  const after = entry.after ?? {}
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((field) => ({ field, before: shown(before[field]), after: shown(after[field]) }))
}

/** The beginning of a day (`2026-11-30`) in the browser's time zone, or of a later day. */
export function dayBegins(day: string, later = 0): string | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)
  if (!parts) return undefined
  return new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + later).toISOString()
}

/** The address from which all entries that match the filters are downloaded. */
export function exportAddress(filter: AuditFilter): string {
  const query = new URLSearchParams({ format: 'csv' })
  for (const [name, value] of Object.entries(filter) as [string, string | undefined][]) {
    if (value) query.set(name, value)
  }
  return address(`/api/v1/audit?${query.toString()}`)
}
