// Tries an address before it is saved, and follows the trial until it ends.
import { api, take } from '@/api/client'
import type { Submission } from '@/api/types'

/** One request waits for the result for at most this time. */
const WAIT_MS = 30_000

/** Passes the state of the trial to `tell` after each request, until the trial has ended or `signal` is aborted. */
export async function tryAddress(source: string, tell: (now: Submission) => void, signal: AbortSignal): Promise<void> {
  const query = { wait_ms: WAIT_MS }
  let now = await take<Submission>(
    api.POST('/api/v1/diagnosis/submissions', { params: { query }, body: { source }, signal }),
  )
  while (!signal.aborted) {
    tell(now)
    if (now.state === 'finished' || now.state === 'failed') return
    const path = { id: now.id }
    now = await take<Submission>(api.GET('/api/v1/diagnosis/submissions/{id}', { params: { path, query }, signal }))
  }
}
