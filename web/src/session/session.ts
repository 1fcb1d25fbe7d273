// Who is signed in. A user has a cookie, which no script can read, and which is enough for everything. A token lives in
// memory only: no script that comes later can read it from a store. Its cookie keeps reading possible after a reload; the
// first change then asks for the token again.
import { computed, ref } from 'vue'
import type { SessionInfo } from '@/api/types'

export type SessionState = 'unknown' | 'out' | 'in'

const state = ref<SessionState>('unknown')
const token = ref<string>()
/** Whom the master takes this browser for. */
const info = ref<SessionInfo>()
/** True where the master answers everybody on its machine. */
const open = ref(false)
/** True after a person has closed the dialog without signing in: reading then asks no more, changing does. */
const declined = ref(false)
/** True while neither token nor cookie is valid any more. */
const expired = ref(false)
/** True while the sign-in dialog lies over the page. */
const asking = ref(false)

let answer: ((signedIn: boolean) => void) | undefined
let asked: Promise<boolean> | undefined

/** Opens the dialog, and resolves once the person has signed in or has given up. */
function signInAgain(because: 'expired' | 'change' = 'change'): Promise<boolean> {
  if (because === 'expired') expired.value = true
  asked ??= new Promise<boolean>((resolve) => {
    answer = resolve
    asking.value = true
  })
  return asked
}

function settle(signedIn: boolean): void {
  asking.value = false
  declined.value = expired.value && !signedIn
  expired.value = declined.value
  asked = undefined
  answer?.(signedIn)
  answer = undefined
}

/** True where a user is signed in, not the holder of a token. */
const isUser = computed(() => state.value === 'in' && info.value?.identity === 'user')

export const session = {
  state,
  token,
  info,
  isUser,
  open,
  asking,
  declined,
  expired,
  lacksToken: computed(() => state.value === 'in' && !open.value && !token.value && !isUser.value),
  signInAgain,
  settle,
}
