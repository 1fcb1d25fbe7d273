// Checks one camera now. The API has no request for this: it starts only runs of tasks. So a task for this camera is
// created, submitted and deleted; its run stays.
import { api, take } from '@/api/client'
import type { Camera, Run, Task, TaskRequest } from '@/api/types'

/** Higher than scheduled jobs, because a person waits for this one. */
const PRIORITY = 10

/** The tasks that check a camera. The one with the most diagnoses comes first; a task that names none runs all. */
export function tasksOf(camera: Camera, tasks: Task[]): Task[] {
  const count = (task: Task): number => task.diagnoses?.length || Infinity
  return tasks
    .filter((task) => task.cameras?.includes(camera.id) || task.groups?.some((group) => camera.groups.includes(group)))
    .sort((a, b) => (count(a) === count(b) ? 0 : count(b) - count(a)))
}

/** Starts a check with the diagnoses and settings of a task, or with all diagnoses and their defaults. */
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
    // The run is valid even if the task could not be deleted.
    await api.DELETE('/api/v1/diagnosis/tasks/{id}', { params: { path } }).catch(() => undefined)
  }
}
