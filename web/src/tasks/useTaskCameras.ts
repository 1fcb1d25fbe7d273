// The choice of a task's cameras, which the master searches, and the number of cameras that the task would check now.
import { keepPreviousData, useQueries, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, ref, watch, type Ref } from 'vue'
import { api, take } from '@/api/client'
import type { Camera, CameraPage } from '@/api/types'
import { isMadeId } from '@/blocks/id'
import { useSettled } from '@/blocks/useSettled'
import { HEALTHS, wordsOf } from '@/cameras/health'
import { searched, type CameraQuery } from '@/cameras/list'
import { known } from '@/cameras/names'

/** The number of matching cameras that are listed. Whoever looks for another one types more of its name. */
const FOUND = 50
/** The number of chosen cameras that are read. The others are shown with their ids. */
const READ = 20
/** Paused cameras are not checked. */
const WATCHED = HEALTHS.filter((one) => one !== 'muted').flatMap(wordsOf)

interface Chosen {
  cameras: string[]
  groups: string[]
}

function list(query: CameraQuery, signal: AbortSignal): Promise<CameraPage> {
  return take<CameraPage>(api.GET('/api/v1/diagnosis/cameras', { params: { query }, signal }))
}

/** An id that the master made is shown only to tell cameras of the same name apart. */
function labelOf({ id, name }: Camera, isShared: boolean): string {
  return name === id || (isMadeId(id) && !isShared) ? name : `${name} (${id})`
}

export function useTaskCameras(chosen: Ref<Chosen>) {
  const client = useQueryClient()
  const typed = ref('')
  const words = useSettled(computed(() => searched(typed.value)))
  const found = useQuery({
    queryKey: ['cameras', 'found', words],
    queryFn: ({ signal }) => list({ q: words.value || undefined, sort: 'name', limit: FOUND }, signal),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  })
  const readable = computed(() => chosen.value.cameras.slice(0, READ))
  const read = useQueries({ queries: computed(() => readable.value.map((id) => known(client, id))) })
  const counts = useQueries({
    queries: computed(() =>
      chosen.value.groups.map((group) => ({
        queryKey: ['cameras', 'reach', group],
        queryFn: ({ signal }: { signal: AbortSignal }) =>
          list({ group, health: WATCHED, count: true, limit: 1 }, signal),
        staleTime: 30_000,
      })),
    ),
  })

  /** The cameras that were found or read. A chosen one keeps its name when other words are typed. */
  const seen = ref(new Map<string, Camera>())
  watch(
    [found.data, read],
    () => {
      for (const one of [...(found.data.value?.items ?? []), ...read.value.flatMap((each) => each.data ?? [])])
        seen.value.set(one.id, one)
    },
    { immediate: true },
  )
  const options = computed(() => {
    const items = found.data.value?.items ?? []
    const here = new Set(items.map((one) => one.id))
    const others = chosen.value.cameras.filter((id) => !here.has(id))
    const cameras = [...items.map((one) => one.id), ...others].map((id) => ({ id, camera: seen.value.get(id) }))
    const counts = new Map<string, number>()
    for (const { camera } of cameras) if (camera) counts.set(camera.name, (counts.get(camera.name) ?? 0) + 1)
    return cameras.map(({ id, camera }) => ({
      value: id,
      label: camera ? labelOf(camera, (counts.get(camera.name) ?? 0) > 1) : id,
    }))
  })

  /** The number of cameras. It is the largest possible one if the groups may share cameras, or not all were read. */
  const reach = computed(() => {
    const { cameras, groups } = chosen.value
    const own = cameras.filter((id) => {
      const camera = seen.value.get(id)
      return !camera || (camera.enabled && !camera.groups.some((group) => groups.includes(group)))
    })
    const inGroups = counts.value.reduce((sum, one) => sum + (one.data?.total ?? 0), 0)
    const isExact = groups.length < 2 && cameras.every((id) => seen.value.has(id))
    return { n: own.length + inGroups, isExact }
  })
  return { options, reach, isSearching: found.isFetching, search: (text: string) => (typed.value = text) }
}
