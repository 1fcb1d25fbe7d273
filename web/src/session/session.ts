// Who is signed in. The token lives in memory only: no script that comes later can read it from a store. The cookie,
// which no script can read, keeps reading possible after a reload; the first change then asks for the token again.
import { computed, ref } from 'vue'

export type SessionState = 'unknown' | 'out' | 'in'

const state = ref<SessionState>('unknown')
const token = ref<string>()
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

/** The id of the token is its middle part: `es_<id>_<secret>`. */
export function tokenId(secret: string | undefined): string | undefined {
  return secret?.match(/^es_([0-9a-f]+)_/)?.[1]
}

export const session = {
  state,
  token,
  open,
  asking,
  declined,
  expired,
  lacksToken: computed(() => state.value === 'in' && !open.value && !token.value),
  signInAgain,
  settle,
}
