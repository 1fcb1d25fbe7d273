// Checks one camera now. The API starts runs of tasks only, so a task for this one camera is made, submitted and
// deleted; its run stays. The API has no request that checks one camera with the settings of a task.
import { api, take } from '@/api/client'
import type { Camera, Run, Task, TaskRequest } from '@/api/types'

/** Before scheduled jobs: a person waits for this one. */
const PRIORITY = 10

/** The tasks that check a camera; the one with the most diagnoses comes first. None named means all. */
export function tasksOf(camera: Camera, tasks: Task[]): Task[] {
  const count = (task: Task): number => task.diagnoses?.length || Infinity
  return tasks
    .filter((task) => task.cameras?.includes(camera.id) || task.groups?.some((group) => camera.groups.includes(group)))
    .sort((a, b) => (count(a) === count(b) ? 0 : count(b) - count(a)))
}

/** Starts a check with the diagnoses and thresholds of a task, or with all diagnoses as they are by default. */
export async function diagnoseNow(camera: Camera, name: string, like?: Task): Promise<Run> {
  const body: TaskRequest = {
    name: `${name}: ${camera.name}`.slice(0, 200),
    cameras: [camera.id],
    diagnoses: like?.diagnoses ?? [],
    config: like?.config ?? {},
    required_labels: like?.required_labels ?? {},
    schedule: { kind: 'manual' },
    priority: PRIORITY,
  }
  const task = await take<Task>(api.POST('/api/v1/diagnosis/tasks', { body }))
  const path = { id: task.id }
  try {
    return await take<Run>(api.POST('/api/v1/diagnosis/tasks/{id}/submit', { params: { path }, body: {} }))
  } finally {
    // The run counts, also where the task could not be deleted.
    await api.DELETE('/api/v1/diagnosis/tasks/{id}', { params: { path } }).catch(() => undefined)
  }
}
