// Requests and sessions: what is typed is never lost because a session ends.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { send } from '@/api/client'
import { ApiError, NotSignedIn, Unreachable, problemOf, say } from '@/api/problem'
import { masterTime } from '@/blocks/useNow'
import { forEach } from '@/cameras/change'
import { connection } from '@/live/connection'
import { findSession, signIn, signOut } from '@/session/access'
import { session, tokenId } from '@/session/session'

const answers: Response[] = []
const sent: Request[] = []

beforeEach(() => {
  answers.length = 0
  sent.length = 0
  session.state.value = 'in'
  session.open.value = false
  session.token.value = 'es_0a_secret'
  session.declined.value = session.expired.value = false
  connection.facts.aheadMs = 0
  vi.stubGlobal('fetch', (input: Request | string, init?: RequestInit) => {
    sent.push(new Request(input, init))
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

  it('that changes something is not sent where the person does not sign in for it', async () => {
    session.token.value = undefined
    const answer = send(change())
    await vi.waitFor(() => expect(session.asking.value).toBe(true))
    session.settle(false)
    await expect(answer).rejects.toBeInstanceOf(NotSignedIn)
    expect(sent).toEqual([])
    expect(session.asking.value).toBe(false)
    // The cookie still reads: nothing has ended.
    expect(session.expired.value).toBe(false)
    expect(session.declined.value).toBe(false)
  })

  it('is asked for once in a change of many, and what was not changed has failed', async () => {
    session.token.value = undefined
    const ids = Array.from({ length: 50 }, (_, at) => `c${at}`)
    const tried: string[] = []
    const failures = forEach(
      ids,
      (id) => {
        tried.push(id)
        return send(change())
      },
      () => undefined,
    )
    await vi.waitFor(() => expect(session.asking.value).toBe(true))
    session.settle(false)
    expect((await failures).map((one) => one.id).sort()).toEqual([...ids].sort())
    expect(tried.length).toBeLessThanOrEqual(4)
    expect(session.asking.value).toBe(false)
  })

  it('that a proxy answers in place of the master says that the master is lost', async () => {
    answers.push(new Response('<html>', { status: 502, headers: { 'content-type': 'text/html' } }))
    expect((await send(new Request('http://master/api/v1/x'))).status).toBe(502)
    expect(connection.facts.answers).toBe(false)
    const busy = { status: 503, headers: { 'content-type': 'application/problem+json' } }
    answers.push(new Response('{}', busy))
    await send(new Request('http://master/api/v1/x'))
    expect(connection.facts.answers).toBe(true)
  })

  it('tells how far the clock of the master is from the one here', async () => {
    const inHalfAnHour = new Date(Date.now() + 1_800_000)
    answers.push(new Response('{}', { headers: { date: inHalfAnHour.toUTCString() } }))
    await send(new Request('http://master/api/v1/x'))
    expect(Math.abs(masterTime(Date.now()) - inHalfAnHour.getTime())).toBeLessThan(3_000)
    answers.push(new Response('{}', { headers: { date: new Date().toUTCString() } }))
    await send(new Request('http://master/api/v1/x'))
    expect(connection.facts.aheadMs).toBe(0)
  })

  it('without an answer says that the master is lost', async () => {
    await expect(send(new Request('http://master/api/v1/x'))).rejects.toBeInstanceOf(Unreachable)
    expect(connection.isLost.value).toBe(true)
    answers.push(new Response('{}'))
    await send(new Request('http://master/api/v1/x'))
    expect(connection.facts.answers).toBe(true)
  })
})

describe('a session', () => {
  const said = (status: number): Response => new Response('{}', { status })

  it('begins without what was left of the one before', async () => {
    session.declined.value = session.expired.value = true
    // It is opened, the token reads, and nobody reads without one.
    answers.push(said(200), said(200), said(401))
    session.open.value = true
    await signIn('es_0b_other')
    expect(session.declined.value || session.expired.value).toBe(false)
    expect(session.open.value).toBe(false)
    expect(session.token.value).toBe('es_0b_other')
  })

  it('ends without a word that it has expired', async () => {
    session.declined.value = session.expired.value = true
    answers.push(said(200))
    await signOut()
    expect(session.declined.value || session.expired.value).toBe(false)
    expect(session.state.value).toBe('out')
  })

  it('stays where the master cannot be told to end it', async () => {
    await expect(signOut()).rejects.toBeInstanceOf(Unreachable)
    expect(session.state.value).toBe('in')
  })

  it('is not over where the database cannot say whether it is', async () => {
    session.state.value = 'unknown'
    answers.push(said(401), said(503))
    await expect(findSession()).rejects.toMatchObject({ problem: { status: 503 } })
    expect(session.state.value).toBe('unknown')
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
