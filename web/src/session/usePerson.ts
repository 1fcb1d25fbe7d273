// The name and scope of the person who is signed in, as far as the API tells them: only an administrator may read the
// list of tokens, in which the own one is found by its id.
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { useTokens } from '@/api/queries'
import { session, tokenId } from './session'

export function usePerson() {
  const { t } = useI18n()
  const id = computed(() => tokenId(session.token.value))
  const tokens = useTokens(() => id.value !== undefined)
  const own = computed(() => tokens.data.value?.find((one) => one.id === id.value))
  const scope = computed(() => own.value?.scope)
  const name = computed(() => {
    if (session.open.value) return t('session.anybody')
    if (own.value) return own.value.name
    return id.value ? t('session.tokenNamed', { id: id.value.slice(0, 6) }) : t('session.readsOnly')
  })
  return { name, scope }
}
