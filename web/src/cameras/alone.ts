// Cameras that were read on their own, and when. Such a camera is newer than in a list whose reading began earlier.
import type { Camera } from '@/api/types'

const alone = new Map<string, { camera: Camera; at: number }>()

/** Notes that a camera was just read on its own. */
export function noteAlone(camera: Camera): void {
  alone.set(camera.id, { camera, at: Date.now() })
}

/** The newer state of a camera: as in a list that was requested at `askedAt`, or as it was read on its own. */
export function newest(listed: Camera, askedAt: number): Camera {
  const one = alone.get(listed.id)
  return one && one.at >= askedAt ? one.camera : listed
}
