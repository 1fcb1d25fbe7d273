// Starts a task now.
import { api, take } from '@/api/client'
import { ApiError } from '@/api/problem'
import type { Run } from '@/api/types'

/** The time for which the key of a request whose answer was lost is used again. */
const SAME_WISH_MS = 5 * 60_000

/**
 * The keys of requests whose answer was lost. With the same key, the master returns the run that it has already
 * created.
 */
const unanswered = new Map<string, { key: string; since: number }>()

/** `crypto.randomUUID` is available only with https. */
export function freshKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, '0')).join('')
}

function isRefused(error: unknown): boolean {
  return error instanceof ApiError && error.problem.status < 500
}

export async function submitTask(id: string): Promise<Run> {
  const known = unanswered.get(id)
  const request = known && Date.now() - known.since < SAME_WISH_MS ? known : { key: freshKey(), since: Date.now() }
  unanswered.set(id, request)
  const params = { path: { id }, header: { 'Idempotency-Key': request.key } }
  try {
    const run = await take<Run>(api.POST('/api/v1/diagnosis/tasks/{id}/submit', { params, body: {} }))
    unanswered.delete(id)
    return run
  } catch (error) {
    if (isRefused(error)) unanswered.delete(id)
    throw error
  }
}
