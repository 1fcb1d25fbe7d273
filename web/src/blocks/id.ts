const MADE = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

/** True for an id that the master has made: it tells a person nothing. */
export function isMadeId(id: string): boolean {
  return MADE.test(id)
}
