// The rule for new passwords, as the master checks it.

export const MIN_PASSWORD = 10
const MAX_BYTES = 1_024

export function isLongEnough(password: string): boolean {
  return [...password].length >= MIN_PASSWORD
}

/** True if the new password satisfies the rule and was typed twice without a difference. */
export function isUsable(password: string, again: string): boolean {
  return isLongEnough(password) && new TextEncoder().encode(password).length <= MAX_BYTES && password === again
}
