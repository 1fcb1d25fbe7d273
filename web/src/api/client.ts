// All requests to the master are sent by `send`. It adds the token, and the header that a change needs. If the session
// has ended, it waits until the person signs in again. `take` turns an error of the master into an `ApiError`.
import createClient from 'openapi-fetch'
import type { paths } from './schema'
import { session } from '@/session/session'
import { connection } from '@/live/connection'
import type { Versioned } from './types'
import { ApiError, NotSignedIn, Unreachable, problemOf } from './problem'

/** The address of the console's folder. Routes are behind `#`, so this is also the prefix of the API. */
export const home = new URL('.', document.baseURI).href

/** Makes an address of the master from a path such as `/api/v1/events`. */
export function address(path: string): string {
  return new URL(path.replace(/^\//, ''), home).href
}

export function pictureAddress(digest: string): string {
  return address(`/api/v1/diagnosis/pictures/${digest}`)
}

/**
 * The master accepts a change with a user's cookie only if the request has this header: no page of another site can
 * send it.
 */
export const PROOF = { 'x-easysight-request': 'console' } as const

function changes(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD'
}

/**
 * True if the master has answered. While the master is down, a proxy in front of it may answer with a page of its own.
 */
function isOfMaster(response: Response): boolean {
  return response.status < 502 || Boolean(response.headers.get('content-type')?.includes('problem+json'))
}

async function once(request: Request): Promise<Response> {
  if (session.token.value) request.headers.set('authorization', `Bearer ${session.token.value}`)
  if (changes(request.method)) for (const [name, value] of Object.entries(PROOF)) request.headers.set(name, value)
  try {
    const response = await fetch(request)
    if (isOfMaster(response)) connection.reached(response.headers.get('date'))
    else connection.failed()
    return response
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    connection.failed()
    throw new Unreachable()
  }
}

export async function send(request: Request): Promise<Response> {
  const again = request.clone()
  // The cookie of a token is enough for reading only. A change needs the token, which is lost after a reload.
  if (changes(request.method) && session.lacksToken.value && !(await session.signInAgain())) throw new NotSignedIn()
  const response = await once(request)
  if (response.status !== 401 || session.state.value !== 'in') return response
  if (session.declined.value && !changes(request.method)) return response
  return (await session.signInAgain('expired')) ? once(again) : response
}

export const api = createClient<paths>({ baseUrl: home.replace(/\/$/, ''), fetch: send })

/** Returns the body of an answer, or throws the error that the master has answered with. */
export async function take<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw new ApiError(problemOf(error, response))
  return versioned(data, response) as T
}

/** Adds the version of an object to it. */
function versioned(data: unknown, response: Response): unknown {
  // A proxy that compresses the answer makes the master's tag a weak one, or adds the name of the compression. The master
  // accepts neither.
  const etag = response.headers
    .get('etag')
    ?.replace(/^W\//, '')
    .replace(/-(?:gzip|br|zstd|deflate)"$/, '"')
  return etag && data && typeof data === 'object' && !Array.isArray(data) ? { ...data, etag } : data
}

/** The header of a change that is based on this version: if the object has another one by now, nothing is changed. */
export function ifMatch(version: Versioned | undefined): { 'If-Match'?: string } {
  return version?.etag ? { 'If-Match': version.etag } : {}
}
