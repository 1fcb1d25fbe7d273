// Cameras that were read by themselves, and when. Each is newer than its place in a list whose reading began before.
import type { Camera } from '@/api/types'

const alone = new Map<string, { camera: Camera; at: number }>()

/** Notes that a camera was just read by itself. */
export function noteAlone(camera: Camera): void {
  alone.set(camera.id, { camera, at: Date.now() })
}

/** The newer one of a camera in a list that was asked for at that time, and the same camera read by itself. */
export function newest(listed: Camera, askedAt: number): Camera {
  const one = alone.get(listed.id)
  return one && one.at >= askedAt ? one.camera : listed
}
