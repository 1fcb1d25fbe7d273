// Errors: the master's problem documents (RFC 9457), and their texts for people.
import type { components } from './schema'

export type Problem = components['schemas']['Problem']

/** The master refused the request or failed. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title)
    this.name = 'ApiError'
  }

  /** The stable id of the problem, such as `no-such-camera`. */
  get slug(): string {
    return this.problem.type.replace(/^.*\//, '')
  }
}

/** No answer arrived. */
export class Unreachable extends Error {
  constructor() {
    super('the master does not answer')
    this.name = 'Unreachable'
  }
}

/** A change was not sent, because the person did not sign in again. */
export class NotSignedIn extends Error {
  constructor() {
    super('not signed in')
    this.name = 'NotSignedIn'
  }
}

/** Reads a body as a problem. A proxy in front of the master may answer with a page instead. */
export function problemOf(body: unknown, response: Pick<Response, 'status' | 'statusText'>): Problem {
  if (body && typeof body === 'object' && 'title' in body) return body as Problem
  return {
    type: `/problems/http-${response.status}`,
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    detail: '',
  }
}

export interface Said {
  /** In the language of the console. */
  title: string
  /** The master's own text, which is in English. */
  detail: string
  field?: string
}

type Translate = { t: (key: string, named?: Record<string, unknown>) => string; te: (key: string) => boolean }

/** Describes an error in the language of the console. The detail is the master's own text. */
export function say(error: unknown, { t, te }: Translate): Said {
  if (error instanceof Unreachable) return { title: t('problem.unreachable'), detail: '' }
  if (error instanceof NotSignedIn) return { title: t('problem.notSignedIn'), detail: '' }
  if (error instanceof ApiError) {
    const { problem, slug } = error
    const generic = slug.startsWith('no-such-') ? 'no-such' : problem.status >= 500 ? 'server' : 'refused'
    const key = te(`problem.${slug}`) ? slug : generic
    return { title: t(`problem.${key}`), detail: problem.detail, field: problem.field ?? undefined }
  }
  return { title: t('problem.other'), detail: error instanceof Error ? error.message : String(error) }
}

/** True if the request was refused because the object has changed since the version on which the request is based. */
export function isChanged(error: unknown): boolean {
  return error instanceof ApiError && error.problem.status === 412
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.problem.status === 404
}
