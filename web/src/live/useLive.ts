// Keeps what is on the screen up to date: live events refresh the queries that they concern.
import { useQueryClient } from '@tanstack/vue-query'
import { onScopeDispose } from 'vue'
import { address } from '@/api/client'
import type { Camera, LiveEvent } from '@/api/types'
import { LONG_LIST, refreshCamera } from '@/cameras/cameras'
import { LISTED, loadedPages } from '@/cameras/useCameraList'
import { connection } from './connection'
import { paced } from './paced'
import { follow } from './stream'

/** Events of this time are taken together. */
const GATHER_MS = 800
/** With more changed cameras than this, one list is cheaper than that many cameras. */
const MOST_SINGLE_CAMERAS = 20
/** A long list of cameras is read again at most once in this time. */
const LONG_LIST_PAUSE_MS = 60_000
/** The overview is read again at most once in this time, however many events come. */
const OVERVIEW_PAUSE_MS = 5_000
/** Trends of a camera are read again at most once in this time: they may reach back over a year. */
const TREND_PAUSE_MS = 30_000
/** A listed page of cameras is read again at most once in this time; a list of n pages takes n times as long. */
const PAGE_PAUSE_MS = 10_000

export function useLive(): void {
  const client = useQueryClient()
  const resources = new Set<string>()
  const cameras = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let renewal: ReturnType<typeof setTimeout> | undefined
  let wasLost = false
  /** When the list of cameras was last asked for here: a reading that goes on is not begun again. */
  let listAskedAt = 0

  const renewList = (): void => {
    const state = client.getQueryState<Camera[]>(['cameras'])
    const isLong = (state?.data?.length ?? 0) > LONG_LIST
    const readAt = Math.max(state?.dataUpdatedAt ?? 0, listAskedAt)
    const wait = isLong ? LONG_LIST_PAUSE_MS - (Date.now() - readAt) : 0
    if (wait <= 0) {
      listAskedAt = Date.now()
      void client.invalidateQueries({ queryKey: ['cameras'], exact: true })
    } else
      renewal ??= setTimeout(() => {
        renewal = undefined
        renewList()
      }, wait)
  }
  const overview = paced(
    () => void client.invalidateQueries({ queryKey: ['overview'] }, { cancelRefetch: false }),
    () => OVERVIEW_PAUSE_MS,
  )
  const pages = paced(
    // A running request for the next page goes on.
    () => void client.invalidateQueries({ queryKey: LISTED }, { cancelRefetch: false }),
    () => PAGE_PAUSE_MS * loadedPages(client),
  )
  /** Cameras with findings that their trends do not show yet. */
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
    if (resources.delete('cameras')) {
      renewList()
      pages.ask()
    }
    for (const one of resources) void client.invalidateQueries({ queryKey: [one] })
    if (cameras.size > MOST_SINGLE_CAMERAS) {
      renewList()
      pages.ask()
    } else for (const id of cameras) void refreshCamera(client, id)
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
    } else void client.invalidateQueries()
  }
  const end = follow(address('/api/v1/events'), {
    event: take,
    state: (state) => {
      // What happened during a loss is not sent again, so everything is read again.
      if (state === 'open' && wasLost) void client.invalidateQueries()
      wasLost = state === 'lost'
      connection.streamIs(state)
    },
  })
  onScopeDispose(() => {
    end()
    clearTimeout(timer)
    clearTimeout(renewal)
    overview.stop()
    pages.stop()
    trends.stop()
  })
}
