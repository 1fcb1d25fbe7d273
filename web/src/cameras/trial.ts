// Tries an address before it is saved, and follows the trial to its end.
import { api, take } from '@/api/client'
import type { Submission } from '@/api/types'

/** One request waits for the result at most for this time. */
const WAIT_MS = 30_000

/** Tells how the trial stands after each request, until it has ended or the signal ends it. */
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
