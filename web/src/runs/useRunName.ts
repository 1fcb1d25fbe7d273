// The name of a run: the name of its task, if the task still exists.
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { useTasks } from '@/api/queries'
import type { Run } from '@/api/types'

export function useRunName() {
  const { t } = useI18n()
  const tasks = useTasks()
  const byId = computed(() => new Map((tasks.data.value ?? []).map((one) => [one.id, one])))

  const taskOf = (run: Run) => (run.task_id ? byId.value.get(run.task_id) : undefined)
  const nameOf = (run: Run): string => {
    const task = taskOf(run)
    if (task) return task.name
    if (!run.task_id) return t('runs.submission')
    // A manual run of one camera without a task was probably started by "Diagnose now", which deletes its task.
    return run.trigger === 'manual' && run.progress.total === 1 ? t('runs.oneCamera') : t('runs.goneTask')
  }
  return { taskOf, nameOf }
}
