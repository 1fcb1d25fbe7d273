// Changes cameras. The master keeps the secrets that an address shows as `***`.
import { api, ifMatch, take } from '@/api/client'
import { ApiError, NotSignedIn, isChanged } from '@/api/problem'
import type { Camera, CameraRequest, Versioned } from '@/api/types'

/** The number of parallel requests of a bulk change. */
const AT_ONCE = 4
/** The number of attempts to change a camera that other people change at the same time. */
const ATTEMPTS = 3

export type Definition = Required<Omit<CameraRequest, 'id'>>

export function definitionOf(camera: Camera): Definition {
  const { name, source, enabled, labels, groups } = camera
  return { name, source, enabled, labels, groups }
}

export function readCamera(id: string): Promise<Camera> {
  return take<Camera>(api.GET('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } } }))
}

/** Changes a camera, if it still has the version on which the change is based. */
export async function putCamera(id: string, body: CameraRequest, base?: Versioned): Promise<{ note?: string | null }> {
  const params = { path: { id }, header: ifMatch(base) }
  return take<{ note?: string | null }>(api.PUT('/api/v1/diagnosis/cameras/{id}', { params, body }))
}

/** Applies a change to the current definition of a camera. A change that another person makes meanwhile stays. */
export async function editCamera(id: string, change: (definition: Definition) => Definition): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const now = await readCamera(id)
    try {
      await putCamera(id, change(definitionOf(now)), now)
      return
    } catch (error) {
      if (!isChanged(error) || attempt >= ATTEMPTS) throw error
    }
  }
}

/** Deletes a camera, if it still has this version. */
export function deleteCamera(id: string, base?: Versioned): Promise<unknown> {
  const params = { path: { id }, header: ifMatch(base) }
  return take(api.DELETE('/api/v1/diagnosis/cameras/{id}', { params }))
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
