// Numbers as people type them. A share is typed in per cent, as it is shown.

const PERCENT = 100

/** The text of a value in a field. */
export function typedOf(value: number, unit: string): string {
  // Twelve digits, so that 0.07 is 7 and not 7.000000000000001.
  return String(unit === 'share' ? Number((value * PERCENT).toPrecision(12)) : value)
}

/** The value of a typed number. Undefined if the text is no number. */
export function valueOf(text: string, unit: string): number | undefined {
  const number = numberOf(text)
  return number !== undefined && unit === 'share' ? Number((number / PERCENT).toPrecision(12)) : number
}

/** Reads a number. Undefined if the text is empty or no number. */
export function numberOf(text: string): number | undefined {
  const value = Number(text)
  return text.trim() && Number.isFinite(value) ? value : undefined
}
