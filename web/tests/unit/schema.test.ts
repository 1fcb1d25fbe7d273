import { describe, expect, it } from 'vitest'
import { fieldsOf, parse, written, type Schema } from '@/tasks/schema'

const schema: Schema = {
  properties: {
    dark_p95: {
      type: 'number',
      minimum: 0,
      maximum: 255,
      default: 80,
      unit: 'grey level',
      description: 'Too dark if\nbelow.',
    },
    looks: { type: 'integer', default: 3 },
    strict: { type: 'boolean', default: false },
    mode: { $ref: '#/$defs/Mode', default: 'day' },
    rate: { anyOf: [{ type: 'number', minimum: 1 }, { type: 'null' }] },
    presets: { type: 'array', default: [] },
    odd: {},
    part: { type: 'number', minimum: 0.005, maximum: 0.5, default: 0.07, unit: 'share' },
  },
  $defs: { Mode: { oneOf: [{ const: 'day', description: 'By day.' }, { const: 'night' }] } },
}
const fields = fieldsOf(schema, 'en')
const field = (name: string) => fields.find((one) => one.name === name)!

describe('a form from a schema', () => {
  it('knows the kinds of its fields', () => {
    expect(fields.map((one) => one.kind)).toEqual([
      'number',
      'integer',
      'boolean',
      'choice',
      'number',
      'json',
      'json',
      'number',
    ])
  })

  it('shows units, ranges, choices and the words of the schema', () => {
    expect(field('dark_p95')).toMatchObject({
      unit: 'grey level',
      minimum: 0,
      maximum: 255,
      usual: 80,
      description: 'Too dark if below.',
    })
    expect(field('mode').choices.map((one) => one.value)).toEqual(['day', 'night'])
    expect(field('rate').minimum).toBe(1)
  })

  it('has the texts of the language, and English texts where one is missing', () => {
    const translated: Schema = {
      properties: {
        dark: {
          type: 'number',
          title: 'Dark limit',
          description: 'Too dark\nbelow.',
          translations: { zh: { title: '过暗阈值', description: '低于此值，即为过暗。' } },
        },
        part: { type: 'number', title: 'Part', description: 'A share.', translations: { zh: { title: '占比' } } },
        plain: { type: 'number', description: 'No title.' },
      },
    }
    const words = (language: string) => fieldsOf(translated, language).map((one) => [one.title, one.description])
    expect(words('zh')).toEqual([
      ['过暗阈值', '低于此值，即为过暗。'],
      ['占比', 'A share.'],
      ['', 'No title.'],
    ])
    expect(words('en')).toEqual([
      ['Dark limit', 'Too dark below.'],
      ['Part', 'A share.'],
      ['', 'No title.'],
    ])
    expect(words('fr')).toEqual(words('en'))
  })

  it('translates the values of a choice', () => {
    const translations = { zh: { title: '白天', description: '白天使用。' } }
    const mode: Schema = { oneOf: [{ const: 'day', title: 'By day', translations }, { const: 'night' }] }
    const choices = (language: string) => fieldsOf({ properties: { mode } }, language)[0]?.choices
    expect(choices('zh')).toEqual([
      { value: 'day', title: '白天', description: '白天使用。' },
      { value: 'night', title: '', description: '' },
    ])
    expect(choices('en')?.[0]).toEqual({ value: 'day', title: 'By day', description: '' })
  })

  it('takes the texts of a definition only for a setting without own texts', () => {
    const box: Schema = { title: 'Box', translations: { zh: { title: '方框' } } }
    const ref = '#/$defs/Box'
    const properties: Record<string, Schema> = {
      bare: { $ref: ref },
      own: { $ref: ref, title: 'Clock position' },
      whole: { anyOf: [{ $ref: ref }, { type: 'null' }], title: 'Clock', translations: { zh: { title: '时钟' } } },
    }
    const titles = (language: string) => fieldsOf({ properties, $defs: { Box: box } }, language).map((one) => one.title)
    expect(titles('zh')).toEqual(['方框', 'Clock position', '时钟'])
    expect(titles('en')).toEqual(['Box', 'Clock position', 'Clock'])
  })

  it('takes an empty field for the default', () => {
    expect(parse(field('dark_p95'), ' ')).toEqual({})
  })

  it('refuses what is no number, not whole, or out of range', () => {
    expect(parse(field('dark_p95'), '12.5')).toEqual({ value: 12.5 })
    expect(parse(field('dark_p95'), 'dark').fault).toBe('number')
    expect(parse(field('dark_p95'), '256').fault).toBe('range')
    expect(parse(field('looks'), '1.5').fault).toBe('integer')
    expect(parse(field('presets'), '[1,').fault).toBe('json')
  })

  it('writes a value as it can be typed again', () => {
    expect(written(field('presets'), [1, 2])).toBe('[1,2]')
    expect(written(field('dark_p95'), undefined)).toBe('')
  })

  it('takes and writes shares in per cent', () => {
    expect(written(field('part'), 0.07)).toBe('7')
    expect(parse(field('part'), '7')).toEqual({ value: 0.07 })
    expect(parse(field('part'), '0.4').fault).toBe('range')
    expect(parse(field('part'), '50')).toEqual({ value: 0.5 })
  })

  it('has no fields where the schema is odd', () => {
    expect(fieldsOf({}, 'en')).toEqual([])
    expect(fieldsOf({ properties: { a: { $ref: '#/$defs/none' } } }, 'en')[0]?.kind).toBe('json')
  })
})
