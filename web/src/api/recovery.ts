// After an outage, pages become current by themselves: what could not be read is read again, also where nothing else
// would ask for it.
import { ApiError } from './problem'

/** The pause between attempts to read what could not be read. */
const PAUSE_MS = 10_000

/** False if the master has refused the request, because another attempt would be refused as well. */
export function isOutage(error: unknown): boolean {
  return !(error instanceof ApiError && error.problem.status < 500)
}

/** The interval at which a query is repeated: only while its last attempt has failed because of an outage. */
export function pauseAfterOutage(query: { state: { status: string; error: unknown } }): number | false {
  return query.state.status === 'error' && isOutage(query.state.error) ? PAUSE_MS : false
}
