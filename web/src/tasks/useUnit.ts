// The units of settings and metrics in words; an unknown unit stays as the plugin wrote it.
import { useI18n } from 'vue-i18n'

export function useUnit() {
  const { t, te } = useI18n()
  return (unit: string): string => {
    const key = `unit.${unit.replace(/[^a-z]+/g, '-')}`
    return unit && te(key) ? t(key) : unit
  }
}
