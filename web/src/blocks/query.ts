// What is shown is in the address: a link that is passed on shows the same thing.
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter, type LocationQueryRaw } from 'vue-router'

/** Changes of one moment, which go into the address together. */
let pending: LocationQueryRaw | undefined

/** A string in the query of the address. The usual value is left out of the address. */
export function useQueryText(name: string, usual = ''): WritableComputedRef<string> {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get: () => {
      const value = route.query[name]
      return typeof value === 'string' ? value : usual
    },
    set: (value) => {
      pending = { ...(pending ?? route.query), [name]: value && value !== usual ? value : undefined }
      void router.replace({ query: pending }).finally(() => (pending = undefined))
    },
  })
}
