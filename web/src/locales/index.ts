import { watch } from 'vue'
import { createI18n } from 'vue-i18n'
import { preferences } from '@/preferences'
import en from './en'
import zh from './zh'

export const i18n = createI18n({
  legacy: false,
  locale: preferences.language,
  fallbackLocale: 'en',
  messages: { en, zh },
})

watch(
  () => preferences.language,
  (language) => (i18n.global.locale.value = language),
)
