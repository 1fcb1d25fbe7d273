// Requests and sessions: typed text is not lost when a session ends.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { send } from '@/api/client'
import { ApiError, NotSignedIn, Unreachable, problemOf, say } from '@/api/problem'
import { masterTime } from '@/blocks/useNow'
import { forEach } from '@/cameras/change'
import { connection } from '@/live/connection'
import type { SessionInfo } from '@/api/types'
import { ScopeTooSmall, findSession, signIn, signInAs, signOut, signOutEverywhere, welcome } from '@/session/access'
import { isUsable } from '@/session/password'
import { session } from '@/session/session'

const answers: Response[] = []
const sent: Request[] = []

beforeEach(() => {
  answers.length = 0
  sent.length = 0
  session.state.value = 'in'
  session.open.value = false
  session.info.value = undefined
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

const told = (scope: string, identity = 'user'): Response =>
  new Response(JSON.stringify({ identity, id: '1', name: 'Ada', scope, open: false, ends_at: null, idle_s: 60 }))
function asUser(): void {
  session.token.value = undefined
  session.info.value = { identity: 'user', name: 'Ada', scope: 'operator', open: false } as SessionInfo
}
const change = (): Request => new Request('http://master/api/v1/x', { method: 'PUT', body: '{"typed":true}' })

describe('a request', () => {
  it('carries the token', async () => {
    answers.push(new Response('{}'))
    await send(change())
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer es_0a_secret')
  })

  it('that changes something says that a page of this master sends it', async () => {
    answers.push(new Response('{}'), new Response('{}'))
    await send(change())
    await send(new Request('http://master/api/v1/x'))
    expect(sent.map((one) => one.headers.get('x-easysight-request'))).toEqual(['console', null])
  })

  it('of a user needs no token, and waits for a new sign-in where the session has ended', async () => {
    asUser()
    answers.push(new Response('{}'), new Response('', { status: 401 }), new Response('{}'))
    expect((await send(change())).status).toBe(200)
    const answer = send(change())
    await vi.waitFor(() => expect(session.asking.value).toBe(true))
    session.settle(true)
    expect((await answer).status).toBe(200)
    expect(sent[2]?.headers.get('authorization')).toBeNull()
    expect(await sent[2]?.text()).toBe('{"typed":true}')
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
    // The cookie is still enough for reading, so the session has not ended.
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
    // The session is opened, and belongs to a token that may read.
    answers.push(said(200), told('viewer', 'token'))
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
    answers.push(said(503))
    await expect(findSession()).rejects.toMatchObject({ problem: { status: 503 } })
    expect(session.state.value).toBe('unknown')
  })
})

describe('a session of a user', () => {
  const ok = (): Response => new Response(null, { status: 204 })

  it('is opened with a name and a password, and forgets a token', async () => {
    answers.push(ok(), told('operator'))
    await signInAs('Ada', 'correct horse')
    expect(await sent[0]?.json()).toEqual({ name: 'Ada', password: 'correct horse' })
    expect(session.token.value).toBeUndefined()
    expect(session.isUser.value).toBe(true)
    expect(session.lacksToken.value).toBe(false)
  })

  it('is closed again where the user may not read', async () => {
    session.state.value = 'out'
    answers.push(ok(), told('publisher'), ok())
    await expect(signInAs('Ada', 'correct horse')).rejects.toBeInstanceOf(ScopeTooSmall)
    expect(sent[2]?.method).toBe('DELETE')
    expect(session.state.value).toBe('out')
  })

  it('stays closed after a wrong password', async () => {
    session.state.value = 'out'
    const problem = { type: '/problems/wrong-password', title: 'wrong password', status: 401, detail: 'no' }
    answers.push(new Response(JSON.stringify(problem), { status: 401 }))
    await expect(signInAs('Ada', 'wrong')).rejects.toMatchObject({ slug: 'wrong-password' })
    expect(session.state.value).toBe('out')
  })

  it('is found again after a reload', async () => {
    session.token.value = undefined
    answers.push(told('viewer'))
    await findSession()
    expect(session.state.value).toBe('in')
    expect(session.info.value?.name).toBe('Ada')
    answers.push(new Response('{}', { status: 401 }))
    await findSession()
    expect(session.state.value).toBe('out')
    expect(session.info.value).toBeUndefined()
  })

  it('ends everywhere, also where somebody was faster', async () => {
    asUser()
    answers.push(new Response('{}', { status: 401 }))
    await signOutEverywhere()
    expect(sent[0]?.url).toMatch(/\/session\/all$/)
    expect(session.state.value).toBe('out')
    session.state.value = 'in'
    answers.push(new Response('{}', { status: 503 }))
    await expect(signOutEverywhere()).rejects.toBeInstanceOf(ApiError)
    expect(session.state.value).toBe('in')
  })

  it('begins with the link for the first administrator', async () => {
    answers.push(ok(), told('admin'))
    await welcome('5f0c', 'Ada', 'correct horse')
    expect(sent[0]?.url).toMatch(/\/welcome$/)
    expect(await sent[0]?.json()).toEqual({ secret: '5f0c', name: 'Ada', password: 'correct horse' })
    expect(session.info.value?.scope).toBe('admin')
  })

  it('has a password of ten characters, typed twice', () => {
    expect(isUsable('123456789', '123456789')).toBe(false)
    expect(isUsable('1234567890', '1234567890')).toBe(true)
    expect(isUsable('1234567890', '1234567891')).toBe(false)
    expect(isUsable('东门东门东门东门东门', '东门东门东门东门东门')).toBe(true)
    expect(isUsable('东'.repeat(342), '东'.repeat(342))).toBe(false)
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
