// Opening and closing a session at the master.
import { address } from '@/api/client'
import { ApiError, Unreachable, problemOf } from '@/api/problem'
import { session } from './session'

const PROBE = '/api/v1/diagnosis/workers/status'

async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address(path), init)
  } catch {
    throw new Unreachable()
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined)
  return new ApiError(problemOf(body, response))
}

/** Finds out at the start whether this browser may read. */
export async function findSession(): Promise<void> {
  const anybody = await ask(PROBE, { credentials: 'omit' })
  session.open.value = anybody.ok
  if (anybody.ok) {
    session.state.value = 'in'
    return
  }
  if (anybody.status >= 500) throw await refusal(anybody)
  const known = await ask(PROBE, {})
  if (known.status >= 500) throw await refusal(known)
  session.state.value = known.ok ? 'in' : 'out'
}

/** Opens a session with a token, and checks that the token may read. */
export async function signIn(token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  const opened = await ask('/api/v1/session', { method: 'POST', headers })
  if (!opened.ok) throw await refusal(opened)
  const reads = await ask(PROBE, { headers })
  if (!reads.ok) {
    await ask('/api/v1/session', { method: 'DELETE' })
    throw await refusal(reads)
  }
  // Somebody else may have made the first token since this page was opened.
  session.open.value = (await ask(PROBE, { credentials: 'omit' })).ok
  session.declined.value = session.expired.value = false
  session.token.value = token
  session.state.value = 'in'
}

export async function signOut(): Promise<void> {
  await ask('/api/v1/session', { method: 'DELETE' })
  session.token.value = undefined
  session.declined.value = session.expired.value = false
  session.state.value = 'out'
}
