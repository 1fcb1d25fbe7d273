// The names of the units of settings and metrics. An unknown unit is shown as the plugin names it.
import { useI18n } from 'vue-i18n'
import { useFormat } from '@/blocks/format'

export function useUnit() {
  const { t, te } = useI18n()
  const { number } = useFormat()

  const unit = (word: string): string => {
    const key = `unit.${word.replace(/[^a-z]+/g, '-')}`
    return word && te(key) ? t(key) : word
  }
  /** A measured value with its unit. Shares are shown in per cent. */
  const measured = (value: number, word: string): string => {
    if (word === 'share') return `${number(value * 100)} %`
    return word ? `${number(value)} ${unit(word)}` : number(value)
  }
  return { unit, measured }
}
