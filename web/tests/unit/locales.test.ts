// Both languages have the same texts, every text is used, and every text that is used exists.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import document from '../../openapi.json'
import en from '@/locales/en'
import zh from '@/locales/zh'

type Texts = { [key: string]: string | Texts }

function flat(texts: Texts, before = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === 'string') found.set(before + key, value)
    else for (const [name, text] of flat(value, `${before}${key}.`)) found.set(name, text)
  }
  return found
}

const root = join(__dirname, '../../src')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(vue|ts)$/.test(name) && !name.startsWith('locales') && !name.endsWith('.d.ts'))
  .map((name) => readFileSync(join(root, name), 'utf8'))
  .join('\n')

/** Complete names of texts, and the fixed prefixes of names that end with a word of the API. */
const quoted = new Set(
  [...sources.matchAll(/(['"`])([a-z][A-Za-z]*(?:\.[A-Za-z0-9_-]+)+)\1/g)].map((hit) => hit[2] as string),
)
const beginnings = [...sources.matchAll(/`([a-z][A-Za-z]*(?:\.[A-Za-z]+)*\.)\$\{/g)].map((hit) => hit[1] as string)
const english = flat(en)
const chinese = flat(zh)

describe('texts', () => {
  it('exist in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
  })

  it('exist where they are used', () => {
    const whole = /\bte?\(\s*(['"`])([a-z][\w.-]+)\1/g
    const either = /\bt\([^()]*\?\s*'([\w.-]+)'\s*:\s*'([\w.-]+)'/g
    const inTexts = /keypath="([\w.-]+)"/g
    const asked = [
      ...[...sources.matchAll(whole)].map((hit) => hit[2] as string),
      ...[...sources.matchAll(either)].flatMap((hit) => [hit[1] as string, hit[2] as string]),
      ...[...sources.matchAll(inTexts)].map((hit) => hit[1] as string),
    ]
    expect(asked.length).toBeGreaterThan(300)
    expect(asked.filter((key) => !english.has(key))).toEqual([])
  })

  it('are all used', () => {
    const unused = [...english.keys()].filter(
      (key) => !quoted.has(key) && !beginnings.some((one) => key.startsWith(one)),
    )
    expect(unused).toEqual([])
  })

  it('name every reason for which the master refuses a line of an import', () => {
    const { code } = document.components.schemas.LineProblem.properties
    const codes = [...code.description.matchAll(/`([a-z-]+)`/g)].map((hit) => hit[1] as string)
    expect(codes).toContain('name-too-long')
    expect(Object.keys(en.import.reasons).sort()).toEqual(codes.sort())
  })

  it('take the same values in both languages', () => {
    const values = (text: string): string[] =>
      [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((hit) => hit[1] as string))].sort()
    const differing = [...english].filter(([key, text]) => {
      const other = chinese.get(key) ?? ''
      return values(other).some((one) => !values(text).includes(one))
    })
    expect(differing).toEqual([])
  })

  it('are Chinese with full-width punctuation', () => {
    const half = [...chinese].filter(([, text]) => /[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]/.test(text))
    expect(half).toEqual([])
  })
})
