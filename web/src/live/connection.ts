// Whether the master answers, and whether the stream of events is open.
import { computed, reactive } from 'vue'

const facts = reactive({
  /** The stream of events: `idle` until it is first needed. */
  stream: 'idle' as 'idle' | 'open' | 'lost',
  answers: true,
  /** When the last answer or event arrived. */
  heardAt: Date.now(),
  lostAt: 0,
  /** How far the master's clock is ahead of the browser's, in milliseconds. */
  aheadMs: 0,
})

/** The `Date` header is in whole seconds and takes time to arrive, so smaller differences are ignored. */
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
  /** An answer or an event has arrived; `date` is the answer's `Date` header. */
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
