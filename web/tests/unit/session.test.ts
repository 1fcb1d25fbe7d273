// Requests and sessions: what is typed is never lost because a session ends.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { send } from '@/api/client'
import { ApiError, Unreachable, problemOf, say } from '@/api/problem'
import { connection } from '@/live/connection'
import { session, tokenId } from '@/session/session'

const answers: Response[] = []
const sent: Request[] = []

beforeEach(() => {
  answers.length = 0
  sent.length = 0
  session.state.value = 'in'
  session.open.value = false
  session.token.value = 'es_0a_secret'
  vi.stubGlobal('fetch', (request: Request) => {
    sent.push(request)
    const answer = answers.shift()
    return answer ? Promise.resolve(answer) : Promise.reject(new TypeError('Failed to fetch'))
  })
})
afterEach(() => vi.unstubAllGlobals())

const change = (): Request => new Request('http://master/api/v1/x', { method: 'PUT', body: '{"typed":true}' })

describe('a request', () => {
  it('carries the token', async () => {
    answers.push(new Response('{}'))
    await send(change())
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer es_0a_secret')
  })

  it('waits for a new sign-in where the session has ended, and is then sent again as it was', async () => {
    answers.push(new Response('', { status: 401 }), new Response('{}'))
    const answer = send(change())
    await vi.waitFor(() => expect(session.asking.value).toBe(true))
    session.token.value = 'es_0b_other'
    session.settle(true)
    expect((await answer).status).toBe(200)
    expect(sent[1]?.headers.get('authorization')).toBe('Bearer es_0b_other')
    expect(await sent[1]?.text()).toBe('{"typed":true}')
  })

  it('is refused where the person does not sign in', async () => {
    answers.push(new Response('', { status: 401 }))
    const answer = send(change())
    await vi.waitFor(() => expect(session.asking.value).toBe(true))
    session.settle(false)
    expect((await answer).status).toBe(401)
  })

  it('that changes something asks for the token that a reload has forgotten', async () => {
    session.token.value = undefined
    answers.push(new Response('{}'))
    const answer = send(change())
    await vi.waitFor(() => expect(session.asking.value).toBe(true))
    expect(sent).toEqual([])
    session.token.value = 'es_0a_secret'
    session.settle(true)
    await answer
    expect(sent).toHaveLength(1)
  })

  it('without an answer says that the master is lost', async () => {
    await expect(send(new Request('http://master/api/v1/x'))).rejects.toBeInstanceOf(Unreachable)
    expect(connection.isLost.value).toBe(true)
    answers.push(new Response('{}'))
    await send(new Request('http://master/api/v1/x'))
    expect(connection.facts.answers).toBe(true)
  })
})

describe('words for a refusal', () => {
  const words = { t: (key: string) => key, te: (key: string) => key === 'problem.foreign-import' }
  const refusal = (slug: string, status: number) =>
    new ApiError({ type: `/problems/${slug}`, title: 'x', status, detail: 'why', field: '/a' })

  it('are those of its kind, with the master’s detail', () => {
    expect(say(refusal('foreign-import', 422), words)).toEqual({
      title: 'problem.foreign-import',
      detail: 'why',
      field: '/a',
    })
  })

  it('are general where the kind is new', () => {
    expect(say(refusal('something-new', 422), words).title).toBe('problem.refused')
    expect(say(refusal('something-new', 503), words).title).toBe('problem.server')
    expect(say(refusal('no-such-task', 404), words).title).toBe('problem.no-such')
  })

  it('exist for a page that a proxy sends instead', () => {
    expect(problemOf('<html>', { status: 502, statusText: 'Bad Gateway' })).toMatchObject({
      status: 502,
      title: 'Bad Gateway',
    })
  })
})

it('the id of a token is read without its secret', () => {
  expect(tokenId('es_0a1b_ff')).toBe('0a1b')
  expect(tokenId('something')).toBeUndefined()
})
