// Areas: which users and tokens can be limited to some groups of cameras.
import type { Scope } from '@/api/types'

const LIMITABLE: Scope[] = ['viewer', 'operator']

/** Returns true if a user or token with this scope can be limited to the cameras of some groups. */
export function mayBeLimited(scope: Scope): boolean {
  return LIMITABLE.includes(scope)
}
