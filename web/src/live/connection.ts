// Whether the master answers and the stream of events is alive.
import { computed, reactive } from 'vue'

const facts = reactive({
  /** The stream of events: `idle` before it is wanted. */
  stream: 'idle' as 'idle' | 'open' | 'lost',
  answers: true,
  /** When something was heard last: an answer or an event. */
  heardAt: Date.now(),
  lostAt: 0,
})

function loseSince(): void {
  if (!facts.lostAt) facts.lostAt = Date.now()
}

export const connection = {
  facts,
  isLost: computed(() => !facts.answers || facts.stream === 'lost'),
  reached(): void {
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
