// Who is signed in. A user has a cookie, which no script can read, and which is enough for everything. A token is kept
// in memory only, so that no other script can read it from the browser's storage. After a reload, its cookie is still
// enough for reading; the first change asks for the token again.
import { computed, ref } from 'vue'
import type { SessionInfo } from '@/api/types'

export type SessionState = 'unknown' | 'out' | 'in'

const state = ref<SessionState>('unknown')
const token = ref<string>()
/** Who is signed in, according to the master. */
const info = ref<SessionInfo>()
/** True if the master is open: it answers everybody on its machine. */
const open = ref(false)
/** True after a person has closed the dialog without signing in. From then on, only changes open the dialog again. */
const declined = ref(false)
/** True while the session has ended and nobody has signed in again. */
const expired = ref(false)
/** True while the sign-in dialog is open. */
const asking = ref(false)

let answer: ((signedIn: boolean) => void) | undefined
let asked: Promise<boolean> | undefined

/** Opens the dialog. Resolves when the person has signed in or has closed it. */
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

/** True if a user is signed in; false with a token. */
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
