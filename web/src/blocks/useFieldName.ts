// The names of the fields of tasks and cameras, as in the forms.
import { useI18n } from 'vue-i18n'

const KEYS: Record<string, string> = {
  name: 'tasks.name',
  source: 'cameras.source',
  labels: 'camera.labels',
  enabled: 'tasks.state',
  cameras: 'page.cameras',
  groups: 'cameras.groups',
  diagnoses: 'tasks.diagnoses',
  config: 'plugins.settings',
  schedule: 'schedule.title',
  priority: 'tasks.priority',
  required_labels: 'tasks.labels',
  max_attempts: 'tasks.attempts',
  full_look_every: 'tasks.fullLook',
}

export function useFieldName() {
  const { t } = useI18n()
  return (field: string): string => (KEYS[field] ? t(KEYS[field]) : field)
}
