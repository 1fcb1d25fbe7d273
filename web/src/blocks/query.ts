// The address contains what a page shows, so a copied link shows the same.
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter, type LocationQueryRaw } from 'vue-router'

/** Changes that are made at the same moment, which are written to the address together. */
let pending: LocationQueryRaw | undefined

/** A string in the query of the address. The default value is left out of the address. */
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
