// Reads the current state of one camera, for everything that shows it.
import type { QueryClient } from '@tanstack/vue-query'
import { api, take } from '@/api/client'
import type { Camera } from '@/api/types'
import { noteAlone } from './alone'
import { replaceListed } from './useCameraList'

/** Puts the current state of a camera into the lists, so that one finding does not reload ten thousand cameras. */
export async function refreshCamera(client: QueryClient, id: string): Promise<void> {
  const camera = await take<Camera>(api.GET('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } } })).catch(
    () => undefined,
  )
  if (!camera) return
  noteAlone(camera)
  client.setQueryData(['camera', id], camera)
  replaceListed(client, camera)
}
