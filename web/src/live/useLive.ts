// Keeps the page up to date: live events refresh the queries that they concern.
import { useQueryClient } from '@tanstack/vue-query'
import { onScopeDispose } from 'vue'
import { address } from '@/api/client'
import type { LiveEvent } from '@/api/types'
import { refreshCamera } from '@/cameras/cameras'
import { LISTED, loadedPages } from '@/cameras/useCameraList'
import { connection } from './connection'
import { paced } from './paced'
import { follow } from './stream'

/** Events that arrive within this time are handled together. */
const GATHER_MS = 800
/** If more cameras than this have changed, reading the list takes fewer requests than reading the cameras. */
const MOST_SINGLE_CAMERAS = 20
/** The overview is read at most once in this time, regardless of the number of events. */
const OVERVIEW_PAUSE_MS = 5_000
/** Trends of a camera are read at most once in this time: they may span more than a year. */
const TREND_PAUSE_MS = 30_000
/**
 * A page of a list of cameras is read at most once in this time; for a list of n pages, this time is n times as long.
 */
const PAGE_PAUSE_MS = 10_000

export function useLive(): void {
  const client = useQueryClient()
  const resources = new Set<string>()
  const cameras = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let wasLost = false

  const overview = paced(
    () => void client.invalidateQueries({ queryKey: ['overview'] }, { cancelRefetch: false }),
    () => OVERVIEW_PAUSE_MS,
  )
  const pages = paced(
    // A running request for the next page is not cancelled.
    () => void client.invalidateQueries({ queryKey: LISTED }, { cancelRefetch: false }),
    () => PAGE_PAUSE_MS * loadedPages(client),
  )
  /** Cameras with findings that the shown trends do not contain yet. */
  const ahead = new Set<string>()
  const trends = paced(
    () => {
      for (const id of ahead) void client.invalidateQueries({ queryKey: ['trend', id] }, { cancelRefetch: false })
      ahead.clear()
    },
    () => TREND_PAUSE_MS,
  )
  const flush = (): void => {
    timer = undefined
    overview.ask()
    if (resources.delete('cameras')) pages.ask()
    for (const one of resources) void client.invalidateQueries({ queryKey: [one] })
    if (cameras.size > MOST_SINGLE_CAMERAS) pages.ask()
    else for (const id of cameras) void refreshCamera(client, id)
    for (const id of cameras) {
      void client.invalidateQueries({ queryKey: ['results', id] })
      void client.invalidateQueries({ queryKey: ['cause', id] })
      ahead.add(id)
    }
    if (ahead.size > 0) trends.ask()
    resources.clear()
    cameras.clear()
  }
  const soon = (...names: string[]): void => {
    for (const name of names) resources.add(name)
    timer ??= setTimeout(flush, GATHER_MS)
  }
  const take = (event: LiveEvent): void => {
    connection.reached()
    if (event.kind === 'run')
      soon(
        ...['runs', 'run', 'jobs', 'tasks', 'task'],
        ...(event.change === 'finished' ? ['cameras', 'camera', 'results'] : []),
      )
    else if (event.kind === 'node') soon('nodes', 'tasks', 'task')
    else if (event.kind === 'finding') {
      if (event.finding.camera_id) cameras.add(event.finding.camera_id)
      soon()
    } else if (event.kind === 'missed') void client.invalidateQueries()
  }
  const end = follow(address('/api/v1/events'), {
    event: take,
    state: (state) => {
      // The events of the time of the loss are sent again, or an event says that they were missed. But what could not be
      // read in this time is read now.
      if (state === 'open' && wasLost)
        void client.invalidateQueries({ predicate: (query) => query.state.status === 'error' })
      wasLost = state === 'lost'
      connection.streamIs(state)
    },
  })
  onScopeDispose(() => {
    end()
    clearTimeout(timer)
    overview.stop()
    pages.stop()
    trends.stop()
  })
}
