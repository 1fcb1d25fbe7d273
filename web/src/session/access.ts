// Opens and closes sessions at the master.
import { PROOF, address } from '@/api/client'
import { ApiError, Unreachable, problemOf } from '@/api/problem'
import type { SessionInfo } from '@/api/types'
import { session } from './session'

const PATH = '/api/v1/session'

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

/** The user or the token may not read what the console shows. */
export class ScopeTooSmall extends Error {}

function reads({ scope }: SessionInfo): boolean {
  return scope === 'admin' || scope === 'operator' || scope === 'viewer'
}

/** Asks the master who is signed in here. Returns undefined if nobody is. */
async function whoAmI(headers: Record<string, string> = {}): Promise<SessionInfo | undefined> {
  const answer = await ask(PATH, { headers })
  if (answer.ok) return (await answer.json()) as SessionInfo
  if (answer.status === 401) return undefined
  throw await refusal(answer)
}

/** At the start, finds out who is signed in here and whether they may read. */
export async function findSession(): Promise<void> {
  const info = await whoAmI()
  session.info.value = info
  session.open.value = info?.open ?? false
  session.state.value = info && reads(info) ? 'in' : 'out'
}

async function begin(init: RequestInit, path = PATH): Promise<void> {
  const opened = await ask(path, { method: 'POST', ...init })
  if (!opened.ok) throw await refusal(opened)
}

/** Starts to use a session that was just opened. Closes it if its scope does not allow reading. */
async function enter(token?: string): Promise<void> {
  const info = await whoAmI(token ? { authorization: `Bearer ${token}` } : {})
  if (!info || !reads(info)) {
    await ask(PATH, { method: 'DELETE', headers: PROOF })
    throw new ScopeTooSmall()
  }
  session.declined.value = session.expired.value = false
  session.info.value = info
  session.open.value = info.open
  session.token.value = token
  session.state.value = 'in'
}

function json(body: unknown): RequestInit {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...PROOF } }
}

/** Opens a session with a token. */
export async function signIn(token: string): Promise<void> {
  await begin({ headers: { authorization: `Bearer ${token}`, ...PROOF } })
  await enter(token)
}

/** Opens a session of a user. */
export async function signInAs(name: string, password: string): Promise<void> {
  await begin(json({ name, password }))
  await enter()
}

/** Creates the first administrator with the secret of a link, and opens a session. */
export async function welcome(secret: string, name: string, password: string): Promise<void> {
  await begin(json({ secret, name, password }), '/api/v1/welcome')
  await enter()
}

function leave(): void {
  session.token.value = session.info.value = undefined
  session.declined.value = session.expired.value = false
  session.state.value = 'out'
}

export async function signOut(): Promise<void> {
  const closed = await ask(PATH, { method: 'DELETE', headers: PROOF })
  if (!closed.ok) throw await refusal(closed)
  leave()
}

/** Ends all sessions of the user, on all devices. */
export async function signOutEverywhere(): Promise<void> {
  const closed = await ask(`${PATH}/all`, { method: 'DELETE', headers: PROOF })
  // The answer is 401 if this session has already ended.
  if (!closed.ok && closed.status !== 401) throw await refusal(closed)
  leave()
}
