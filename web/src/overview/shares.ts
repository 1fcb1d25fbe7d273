// Shares of a group's cameras that are watched (not paused).
import type { Camera } from '@/api/types'
import { healthOf } from '@/cameras/health'

export interface GroupShare {
  name: string
  watched: number
  /** Share of the watched cameras that give a picture. */
  online?: number
  /** Share of the judged cameras that are normal; a camera without a picture is judged. */
  intact?: number
}

export function sharesByGroup(cameras: Camera[]): GroupShare[] {
  const groups = new Map<string, { watched: number; offline: number; judged: number; normal: number }>()
  for (const camera of cameras) {
    const health = healthOf(camera)
    if (health === 'muted') continue
    for (const name of camera.groups) {
      const sum = groups.get(name) ?? { watched: 0, offline: 0, judged: 0, normal: 0 }
      sum.watched += 1
      if (health === 'offline') sum.offline += 1
      if (health !== 'unknown') sum.judged += 1
      if (health === 'normal') sum.normal += 1
      groups.set(name, sum)
    }
  }
  const shares = [...groups].map(([name, sum]) => ({
    name,
    watched: sum.watched,
    online: 1 - sum.offline / sum.watched,
    intact: sum.judged ? sum.normal / sum.judged : undefined,
  }))
  return shares.sort((a, b) => (a.intact ?? 2) - (b.intact ?? 2) || a.name.localeCompare(b.name))
}
