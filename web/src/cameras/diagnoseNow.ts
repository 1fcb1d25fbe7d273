// Checks one camera now. The API has no request for this: it starts only runs of tasks. So a task for this camera is
// created, submitted and deleted; its run stays. A task that was not deleted, because its tab was closed or the master did
// not answer, is deleted by the next page that reads the tasks.
import { useQueryClient } from '@tanstack/vue-query'
import { watch } from 'vue'
import { api, take } from '@/api/client'
import { Unreachable } from '@/api/problem'
import { useTasks } from '@/api/queries'
import type { Camera, Run, Task, TaskRequest } from '@/api/types'
import { connection } from '@/live/connection'
import { session } from '@/session/session'
import { freshKey } from '@/tasks/submit'

/** Higher than scheduled jobs, because a person waits for this one. */
const PRIORITY = 10
/** The beginning of the ids of these tasks. */
const MARK = 'diagnose-now-'
/** A task that is older than this is no longer needed: submitting it takes seconds. */
const NEEDED_MS = 120_000

function isOwn(task: Task): boolean {
  return task.id.startsWith(MARK)
}

/** The tasks that check a camera. The one with the most diagnoses comes first; a task that names none runs all. */
export function tasksOf(camera: Camera, tasks: Task[]): Task[] {
  const count = (task: Task): number => task.diagnoses?.length || Infinity
  return tasks
    .filter((task) => !isOwn(task))
    .filter((task) => task.cameras?.includes(camera.id) || task.groups?.some((group) => camera.groups.includes(group)))
    .sort((a, b) => (count(a) === count(b) ? 0 : count(b) - count(a)))
}

/** Starts a check with the diagnoses and settings of a task, or with all diagnoses and their defaults. */
export async function diagnoseNow(camera: Camera, name: string, like?: Task): Promise<Run> {
  const id = `${MARK}${freshKey()}`
  const body: TaskRequest = {
    id,
    name: `${name}: ${camera.name}`.slice(0, 200),
    cameras: [camera.id],
    diagnoses: like?.diagnoses ?? [],
    config: like?.config ?? {},
    required_labels: like?.required_labels ?? {},
    schedule: { kind: 'manual' },
    priority: PRIORITY,
  }
  const path = { id }
  // The key lets the master answer a repeated request with the run that it has already started.
  const params = { path, header: { 'Idempotency-Key': id } }
  const submit = (): Promise<Run> => take(api.POST('/api/v1/diagnosis/tasks/{id}/submit', { params, body: {} }))
  try {
    await take<Task>(api.POST('/api/v1/diagnosis/tasks', { body }))
    return await submit().catch((error: unknown) => {
      if (error instanceof Unreachable) return submit()
      throw error
    })
  } finally {
    // Also if no answer arrived: the task may exist nevertheless. The run is valid even if the task could not be deleted.
    await drop(id)
  }
}

async function drop(id: string): Promise<void> {
  await api.DELETE('/api/v1/diagnosis/tasks/{id}', { params: { path: { id } } }).catch(() => undefined)
}

function mayDelete(): boolean {
  if (session.open.value) return true
  // Nobody is asked to sign in for this.
  return !session.lacksToken.value && ['admin', 'operator'].includes(session.info.value?.scope ?? '')
}

/** The tasks that this page has tried to delete. */
const dropped = new Set<string>()

/** Deletes the tasks of checks that were interrupted. */
export function useSweep(): void {
  const client = useQueryClient()
  const tasks = useTasks()
  watch(
    tasks.data,
    async (all) => {
      const before = Date.now() + connection.facts.aheadMs - NEEDED_MS
      const left = (all ?? []).filter((one) => isOwn(one) && Date.parse(one.created_at) < before)
      const fresh = left.filter((one) => !dropped.has(one.id))
      if (!fresh.length || !mayDelete()) return
      for (const { id } of fresh) {
        dropped.add(id)
        await drop(id)
      }
      await client.invalidateQueries({ queryKey: ['tasks'] })
    },
    { immediate: true },
  )
}
