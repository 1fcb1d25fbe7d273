// Finding cameras by what a person remembers of them.
import type { Camera } from '@/api/types'

/** True if the words, in lower case, occur in the camera's name, id, address (without secrets), groups or labels. */
export function matches(camera: Camera, words: string): boolean {
  return (
    camera.name.toLowerCase().includes(words) ||
    camera.id.toLowerCase().includes(words) ||
    camera.source.toLowerCase().includes(words) ||
    camera.groups.some((group) => group.toLowerCase().includes(words)) ||
    Object.entries(camera.labels).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(words))
  )
}
