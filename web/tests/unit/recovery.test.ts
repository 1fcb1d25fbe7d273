// Pages become current by themselves after an outage.
import { QueryClient, VueQueryPlugin, useQuery } from '@tanstack/vue-query'
import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError, Unreachable } from '@/api/problem'
import { isOutage, pauseAfterOutage } from '@/api/recovery'

const refusal = (status: number): ApiError => new ApiError({ type: '/problems/x', title: 'x', status, detail: '' })

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('an outage', () => {
  it('is an answer that did not come, or that the master could not give', () => {
    expect([new Unreachable(), refusal(500), refusal(503)].map(isOutage)).toEqual([true, true, true])
    expect([refusal(401), refusal(403), refusal(404)].map(isOutage)).toEqual([false, false, false])
  })

  it.each([
    [503, 4],
    [404, 1],
  ])('with the status %i leads to %i requests in half a minute', async (status, requests) => {
    let asked = 0
    const client = new QueryClient({
      defaultOptions: { queries: { retry: false, refetchInterval: pauseAfterOutage, networkMode: 'always' } },
    })
    const queryFn = (): Promise<string> => {
      asked += 1
      return asked < requests || status < 500 ? Promise.reject(refusal(status)) : Promise.resolve('fine')
    }
    const setup = () => ({ query: useQuery({ queryKey: ['one'], queryFn }) })
    const page = mount(
      { setup, template: '<p>{{ query.data }}</p>' },
      {
        global: { plugins: [[VueQueryPlugin, { queryClient: client }]] },
      },
    )
    await vi.advanceTimersByTimeAsync(31_000)
    expect(asked).toBe(requests)
    // Once it is read, it is not read again.
    await vi.advanceTimersByTimeAsync(120_000)
    expect(asked).toBe(requests)
    page.unmount()
    client.clear()
  })
})
