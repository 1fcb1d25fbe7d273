// The names of diagnoses in the language of the console. The plugins define them.
import { computed } from 'vue'
import { usePlugins } from '@/api/queries'
import type { Plugin } from '@/api/types'
import { useFormat } from '@/blocks/format'

export function useDiagnoses() {
  const plugins = usePlugins()
  const { text } = useFormat()

  /** The plugin of each diagnosis: the active one, or else the one that was published last. */
  const plugin = computed(() => {
    const found = new Map<string, Plugin>()
    const byAge = [...(plugins.data.value ?? [])].sort((a, b) => a.published_at.localeCompare(b.published_at))
    for (const one of byAge) for (const diagnosis of one.diagnoses) found.set(diagnosis.id, one)
    for (const one of byAge) for (const id of one.active_for) found.set(id, one)
    return found
  })
  const active = computed(() => (plugins.data.value ?? []).flatMap((one) => one.active_for).sort())

  const info = (id: string) => plugin.value.get(id)?.diagnoses.find((one) => one.id === id)
  const title = (id: string): string => text(info(id)?.title) || id
  const description = (id: string): string => text(info(id)?.description)

  return { plugins, plugin, active, title, description }
}
