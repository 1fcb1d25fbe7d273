// The parts of a plugin's JSON Schema that a form uses. The master checks every configuration against the whole schema.
import { typedOf, valueOf } from '@/blocks/typed'

/** What an operator reads about a setting, or about a value that it allows. */
interface Texts {
  title?: string
  description?: string
}

export interface Schema extends Texts {
  type?: string | string[]
  /** The texts in languages other than English, by language: `zh`. */
  translations?: Record<string, Texts | undefined>
  default?: unknown
  enum?: unknown[]
  const?: unknown
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  unit?: string
  properties?: Record<string, Schema>
  $ref?: string
  $defs?: Record<string, Schema>
  allOf?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
}

export type Kind = 'number' | 'integer' | 'boolean' | 'choice' | 'text' | 'json'

export interface Field {
  name: string
  kind: Kind
  title: string
  description: string
  unit: string
  usual: unknown
  minimum?: number
  maximum?: number
  choices: { value: string; title: string; description: string }[]
}

/** Lays a setting's own keywords over those of its definition. Its own texts are not mixed with translations of others. */
function over(definition: Schema, own: Schema): Schema {
  const { translations, ...rest } = definition
  return own.title || own.description ? { ...rest, ...own } : { ...rest, translations, ...own }
}

/** Follows a reference within the schema, and one level of `allOf`, `anyOf` or `oneOf` with one choice besides null. */
function resolve(schema: Schema, root: Schema): Schema {
  let found = schema
  for (let depth = 0; depth < 8; depth += 1) {
    const target = found.$ref?.startsWith('#/$defs/') ? root.$defs?.[found.$ref.slice(8)] : undefined
    const { $ref: _, ...own } = found
    if (target) {
      found = over(target, own)
      continue
    }
    const only = [found.allOf, found.anyOf, found.oneOf]
      .map((all) => all?.filter((one) => one.type !== 'null'))
      .find((all) => all?.length === 1)
    if (!only?.[0]) return found
    const { allOf: _all, anyOf: _any, oneOf: _one, ...rest } = found
    found = over(only[0], rest)
  }
  return found
}

/** The texts of a schema in a language. A text that is not translated is in English. */
function textsOf(schema: Schema, language: string): Required<Texts> {
  const translated = schema.translations?.[language]
  // The English description is a wrapped comment of the code; people read it as one paragraph.
  const english = (schema.description ?? '').replace(/\s*\n\s*/g, ' ')
  return { title: translated?.title || schema.title || '', description: translated?.description || english }
}

function kindOf(schema: Schema, choices: Field['choices']): Kind {
  if (choices.length) return 'choice'
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((one) => one !== 'null')
  if (types.length !== 1) return 'json'
  switch (types[0]) {
    case 'number':
      return 'number'
    case 'integer':
      return 'integer'
    case 'boolean':
      return 'boolean'
    case 'string':
      return 'text'
    default:
      return 'json'
  }
}

function choicesOf(schema: Schema, language: string): Field['choices'] {
  if (schema.enum?.every((one) => typeof one === 'string')) {
    return schema.enum.map((one) => ({ value: one as string, title: '', description: '' }))
  }
  const consts = schema.oneOf?.filter((one) => typeof one.const === 'string') ?? []
  if (!consts.length || consts.length !== schema.oneOf?.length) return []
  return consts.map((one) => ({ value: one.const as string, ...textsOf(one, language) }))
}

/** The fields of a plugin's configuration, in the order of the schema, with the texts of a language. */
export function fieldsOf(root: Schema, language: string): Field[] {
  return Object.entries(root.properties ?? {}).map(([name, raw]) => {
    const schema = resolve(raw, root)
    const choices = choicesOf(schema, language)
    return {
      name,
      kind: kindOf(schema, choices),
      ...textsOf(schema, language),
      unit: schema.unit ?? '',
      usual: schema.default,
      minimum: schema.minimum ?? schema.exclusiveMinimum,
      maximum: schema.maximum ?? schema.exclusiveMaximum,
      choices,
    }
  })
}

export type Fault = 'number' | 'integer' | 'range' | 'json'

/** Reads the typed text. An empty field means the default. */
export function parse(field: Field, typed: string): { value?: unknown; fault?: Fault } {
  const text = typed.trim()
  if (!text) return {}
  if (field.kind === 'number' || field.kind === 'integer') {
    const value = valueOf(text, field.unit)
    if (value === undefined) return { fault: 'number' }
    if (field.kind === 'integer' && !Number.isInteger(value)) return { fault: 'integer' }
    const isLow = field.minimum !== undefined && value < field.minimum
    const isHigh = field.maximum !== undefined && value > field.maximum
    return isLow || isHigh ? { fault: 'range' } : { value }
  }
  if (field.kind === 'json') {
    try {
      return { value: JSON.parse(text) as unknown }
    } catch {
      return { fault: 'json' }
    }
  }
  return { value: text }
}

/** The text of a value in its field. A share is written in per cent. */
export function written(field: Field, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number') return typedOf(value, field.unit)
  return field.kind === 'json' ? JSON.stringify(value) : String(value)
}
