// The preferences of this browser: language, theme, density, width of the navigation.
import { computed, reactive, watch } from 'vue'

export type Language = 'zh' | 'en'
export type Theme = 'system' | 'light' | 'dark'

interface Preferences {
  language: Language
  theme: Theme
  narrowRail: boolean
  dense: boolean
  /** True once a person has hidden the notice that the master is open. */
  openIsKnown: boolean
}

const KEY = 'easysight.preferences'

function usual(): Preferences {
  const language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
  return { language, theme: 'system', narrowRail: false, dense: false, openIsKnown: false }
}

function stored(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>
  } catch {
    // The browser may forbid storage, or the stored value may be invalid.
    return {}
  }
}

export const preferences = reactive<Preferences>({ ...usual(), ...stored() })

const systemIsDark = matchMedia('(prefers-color-scheme: dark)')
const system = reactive({ dark: systemIsDark.matches })
systemIsDark.addEventListener('change', (event) => (system.dark = event.matches))

export const isDark = computed(() => preferences.theme === 'dark' || (preferences.theme === 'system' && system.dark))

watch(
  preferences,
  (now) => {
    try {
      localStorage.setItem(KEY, JSON.stringify(now))
    } catch {
      // If storage is forbidden, the preference lasts until the page is closed.
    }
  },
  { deep: true },
)
watch(isDark, (dark) => (document.documentElement.dataset.theme = dark ? 'dark' : 'light'), { immediate: true })
watch(
  () => preferences.dense,
  (dense) => (document.documentElement.dataset.density = dense ? 'dense' : 'roomy'),
  { immediate: true },
)
watch(
  () => preferences.language,
  (language) => (document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'),
  { immediate: true },
)
