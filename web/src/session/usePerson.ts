// The name, scope and area of the person who is signed in.
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { session } from './session'

export function usePerson() {
  const { t } = useI18n()
  const scope = computed(() => session.info.value?.scope)
  const name = computed(() => session.info.value?.name ?? t('session.anybody'))
  /** The groups to which the person is limited, or nothing for all cameras. */
  const groups = computed(() => session.info.value?.groups ?? undefined)
  return { name, scope, groups }
}
