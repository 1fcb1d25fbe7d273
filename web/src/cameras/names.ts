// The names of single cameras, for pages that know only their ids. The API cannot list cameras by their ids, so each is
// read on its own, a few at a time, unless a list has it.
import type { QueryClient } from '@tanstack/vue-query'
import type { Camera } from '@/api/types'
import { readCamera } from './change'
import { listed } from './useCameraList'

/** The number of parallel requests. A browser allows six connections to a host. */
const AT_ONCE = 3
/** A name that is older than this is read again when it is next shown. */
const FRESH_MS = 10 * 60_000

let running = 0
const waiting: (() => void)[] = []

async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running += 1
  try {
    return await act()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }
}

/** The query of a camera's definition. Its state may be old. */
export function known(client: QueryClient, id: string) {
  return {
    queryKey: ['camera-known', id],
    queryFn: () => inTurn(() => readCamera(id)),
    initialData: () => client.getQueryData<Camera>(['camera', id]) ?? listed(client, id),
    staleTime: FRESH_MS,
    retry: false,
  }
}
