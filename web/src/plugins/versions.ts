// The versions of plugins.
import type { Plugin } from '@/api/types'

export interface NamedPlugin {
  name: string
  /** Sorted by the time of publication, the latest first. */
  versions: Plugin[]
}

export function byName(plugins: Plugin[]): NamedPlugin[] {
  const names = new Map<string, Plugin[]>()
  for (const one of plugins) names.set(one.name, [...(names.get(one.name) ?? []), one])
  return [...names]
    .map(([name, versions]) => ({
      name,
      versions: versions.sort((a, b) => b.published_at.localeCompare(a.published_at)),
    }))
    .sort((a, b) => a.name.localeCompare(b.name))
}
