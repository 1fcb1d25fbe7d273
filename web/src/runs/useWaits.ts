// What a run or task waits for. The API describes it with a few fixed English sentences.
import { useI18n } from 'vue-i18n'

const FORMS: [RegExp, string][] = [
  [/^an active plugin for `(.+)`$/, 'plugin'],
  [/^an active plugin$/, 'anyPlugin'],
  [/^a node that is online with the labels (.+)$/, 'nodeWith'],
  [/^a node that is online$/, 'node'],
  [/^a camera in the group `(.+)`$/, 'group'],
  [/^a configuration that its plugin accepts: (.+)$/s, 'config'],
  [/^(?:the )?camera `(.+)`$/, 'camera'],
]

export function useWaits() {
  const { t } = useI18n()
  return (words: string): string => {
    for (const [form, key] of FORMS) {
      const found = form.exec(words)
      if (found) return t(`waits.${key}`, { name: found[1] ?? '' })
    }
    return words
  }
}
