// The audit log: the texts of an entry, and the filters by day.
import { describe, expect, it } from 'vitest'
import type { AuditEntry } from '@/api/types'
import { dayBegins, exportAddress, rows, shown } from '@/settings/audit'

const entry = (before: AuditEntry['before'], after: AuditEntry['after']): AuditEntry => ({
  id: '01890000-0000-7000-8000-000000000001',
  at: '2026-11-30T00:00:00Z',
  actor: { kind: 'token', id: '7', name: 'li.wei' },
  way: 'console',
  action: 'camera.update',
  object: { kind: 'camera', id: 'gate' },
  outcome: 'done',
  before,
  after,
})

describe('an entry', () => {
  it('shows each field once, before and after', () => {
    const both = entry({ name: 'Gate', labels: { site: 'north' } }, { name: 'Door', enabled: false })
    expect(rows(both)).toEqual([
      { field: 'enabled', before: '', after: 'false' },
      { field: 'labels', before: '{\n  "site": "north"\n}', after: '' },
      { field: 'name', before: 'Gate', after: 'Door' },
    ])
    expect(rows(entry(null, null))).toEqual([])
  })

  it('shows lists of words as lines', () => {
    expect(shown(['yard', 'hall'])).toBe('yard\nhall')
    expect(shown([1])).toBe('[\n  1\n]')
    expect(shown(null)).toBe('')
    expect(shown(0)).toBe('0')
  })
})

describe('the filters', () => {
  it('take whole days of the reader', () => {
    expect(dayBegins('2026-11-30')).toBe(new Date(2026, 10, 30).toISOString())
    expect(dayBegins('2026-11-30', 1)).toBe(new Date(2026, 11, 1).toISOString())
    expect(dayBegins('')).toBeUndefined()
    expect(dayBegins('yesterday')).toBeUndefined()
  })

  it('go along into the export', () => {
    const url = new URL(exportAddress({ who: '小林', q: 'a&b', action: undefined }))
    expect(url.pathname.endsWith('/api/v1/audit')).toBe(true)
    expect([...url.searchParams]).toEqual([
      ['format', 'csv'],
      ['who', '小林'],
      ['q', 'a&b'],
    ])
  })
})
