// The fields in which two definitions of the same object differ.

export interface Difference {
  field: string
  theirs: unknown
  mine: unknown
}

const isText = (value: unknown): value is string => typeof value === 'string'

/**
 * Returns the same value for definitions with the same meaning: the master sorts names and labels and removes blanks
 * around words; a form does not.
 */
function canonical(value: unknown): unknown {
  if (isText(value)) return value.trim()
  if (Array.isArray(value)) {
    const items: unknown[] = value.map(canonical)
    return items.every(isText) ? items.sort() : items
  }
  if (!value || typeof value !== 'object') return value
  const fields = Object.entries(value).map(([name, one]): [string, unknown] => [name, canonical(one)])
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function differences(theirs: object, mine: object): Difference[] {
  const own = canonical(mine) as Record<string, unknown>
  return Object.entries(canonical(theirs) as object)
    .map(([field, value]): Difference => ({ field, theirs: value, mine: own[field] }))
    .filter((one) => JSON.stringify(one.theirs) !== JSON.stringify(one.mine))
}
