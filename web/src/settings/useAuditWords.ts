// The texts of an entry of the audit log, in the language of the console.
import { useI18n } from 'vue-i18n'
import type { AuditEntry } from '@/api/types'

export function useAuditWords() {
  const { t, te } = useI18n()

  /** A later version of the master may have actions that this console does not know. */
  const actionOf = (entry: AuditEntry): string => {
    const key = `audit.actions.${entry.action}`
    return te(key) ? t(key) : entry.action
  }
  const whoOf = (entry: AuditEntry): string => {
    const { kind, id, name } = entry.actor
    if (kind === 'anybody') return t(entry.action === 'session.refuse' ? 'audit.stranger' : 'audit.anybody')
    const known = name ?? id ?? '–'
    return kind === 'command_line' ? t('audit.onMachine', { name: known }) : known
  }
  const objectOf = (entry: AuditEntry): string => entry.object.id ?? ''
  const whereOf = (entry: AuditEntry): string =>
    [t(`audit.ways.${entry.way}`), entry.address].filter(Boolean).join(' · ')

  return { actionOf, whoOf, objectOf, whereOf }
}
