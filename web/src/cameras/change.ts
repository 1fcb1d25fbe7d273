// Changes cameras. The master keeps the secrets that an address shows as `***`.
import { api, take } from '@/api/client'
import { ApiError, NotSignedIn } from '@/api/problem'
import type { Camera, CameraRequest } from '@/api/types'

/** The number of parallel requests of a bulk change. */
const AT_ONCE = 4

export type Definition = Required<Omit<CameraRequest, 'id'>>

export function definitionOf(camera: Camera): Definition {
  const { name, source, enabled, labels, groups } = camera
  return { name, source, enabled, labels, groups }
}

export function readCamera(id: string): Promise<Camera> {
  return take<Camera>(api.GET('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } } }))
}

export async function putCamera(id: string, body: CameraRequest): Promise<{ note?: string | null }> {
  return take<{ note?: string | null }>(api.PUT('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } }, body }))
}

export function deleteCamera(id: string): Promise<unknown> {
  return take(api.DELETE('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } } }))
}

function lacksSession(error: unknown): boolean {
  return error instanceof NotSignedIn || (error instanceof ApiError && error.problem.status === 401)
}

/**
 * Applies a change to many cameras, a few at a time, and continues after a failure. Returns the failures. If the person
 * does not sign in again, all remaining cameras count as failed, and no further dialog is opened.
 */
export async function forEach(
  ids: string[],
  change: (id: string) => Promise<unknown>,
  done: (count: number) => void,
): Promise<{ id: string; error: unknown }[]> {
  const failures: { id: string; error: unknown }[] = []
  const left = [...ids]
  let count = 0
  const work = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      await change(id).catch((error: unknown) => {
        failures.push({ id: id as string, error })
        if (lacksSession(error)) failures.push(...left.splice(0).map((one) => ({ id: one, error })))
      })
      done((count += 1))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return failures
}
