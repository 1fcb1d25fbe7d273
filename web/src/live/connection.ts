// Whether the master answers and the stream of events is alive.
import { computed, reactive } from 'vue'

const facts = reactive({
  /** The stream of events: `idle` before it is wanted. */
  stream: 'idle' as 'idle' | 'open' | 'lost',
  answers: true,
  /** When something was heard last: an answer or an event. */
  heardAt: Date.now(),
  lostAt: 0,
  /** How far the master's clock is ahead of the browser's, in milliseconds. */
  aheadMs: 0,
})

/** A date of HTTP is in whole seconds and takes time to arrive, so a clock is only off if it is off by more. */
const CLOCK_TOLERANCE_MS = 2_000

function compareClocks(date: string): void {
  const ahead = Date.parse(date) - Date.now()
  if (Number.isNaN(ahead) || Math.abs(ahead - facts.aheadMs) <= CLOCK_TOLERANCE_MS) return
  facts.aheadMs = Math.abs(ahead) > CLOCK_TOLERANCE_MS ? ahead : 0
}

function loseSince(): void {
  if (!facts.lostAt) facts.lostAt = Date.now()
}

export const connection = {
  facts,
  isLost: computed(() => !facts.answers || facts.stream === 'lost'),
  /** Something of the master has arrived; `date` is what its clock said. */
  reached(date?: string | null): void {
    if (date) compareClocks(date)
    facts.answers = true
    facts.heardAt = Date.now()
    if (facts.stream !== 'lost') facts.lostAt = 0
  },
  failed(): void {
    facts.answers = false
    loseSince()
  },
  streamIs(state: 'open' | 'lost'): void {
    facts.stream = state
    if (state === 'lost') loseSince()
    else connection.reached()
  },
}
