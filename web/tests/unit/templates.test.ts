// The templates of tasks: their diagnoses exist, and choosing one never means more or less than it says.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import en from '@/locales/en'
import zh from '@/locales/zh'
import { freshTask } from '@/tasks/definition'
import {
  choiceOf,
  isChosen,
  SET_KEYS,
  SETS,
  TEMPLATE_KEYS,
  TEMPLATES,
  templateOf,
  withTemplate,
  type TemplateKey,
} from '@/tasks/templates'

const sources = join(__dirname, '../../../plugins')
/** The diagnoses of the standard plugins, as their sources declare them. */
const standard = readdirSync(sources, { withFileTypes: true })
  .filter((one) => one.isDirectory() && existsSync(join(sources, one.name, 'src/lib.rs')))
  .map((one) => readFileSync(join(sources, one.name, 'src/lib.rs'), 'utf8'))
  .flatMap((source) => [...source.matchAll(/\.diagnosis\(\s*"(\w+)"/g)].map((hit) => hit[1] as string))

const circumstances = (language: typeof en, active: readonly string[]) => ({
  active,
  zone: 'Asia/Shanghai',
  nameOf: (key: TemplateKey) => language.templates.tasks[key],
})

describe('the usual sets of diagnoses', () => {
  it('name every standard diagnosis once, and no other', () => {
    expect(standard.length).toBeGreaterThanOrEqual(17)
    expect(Object.values(SETS).flat().sort()).toEqual([...standard].sort())
  })

  it('have a name and a purpose in both languages', () => {
    for (const { templates } of [en, zh]) {
      expect(Object.keys(templates.sets)).toEqual(SET_KEYS)
      expect(Object.keys(templates.purposes)).toEqual(SET_KEYS)
      expect(Object.keys(templates.tasks)).toEqual(TEMPLATE_KEYS)
    }
  })

  it('select what is active, and tell what is not', () => {
    const choice = choiceOf('view', ['occlusion', 'brightness', 'scene_change'])
    expect(choice).toMatchObject({ diagnoses: ['occlusion', 'scene_change'], active: 2, missing: ['lens_dirty'] })
    expect(choiceOf('everything', ['a', 'b'])).toMatchObject({ diagnoses: [], active: 2, missing: [] })
  })

  it('cannot be chosen if none of them is active, because an empty selection means all', () => {
    const choice = choiceOf('view', ['brightness'])
    expect(choice.isUsable).toBe(false)
    expect(isChosen(choice, [])).toBe(false)
    expect(choiceOf('everything', []).isUsable).toBe(true)
  })

  it('are chosen while exactly their diagnoses are selected, in any order', () => {
    const choice = choiceOf('view', standard)
    expect(isChosen(choice, ['lens_dirty', 'occlusion', 'scene_change'])).toBe(true)
    expect(isChosen(choice, ['lens_dirty', 'occlusion'])).toBe(false)
    expect(isChosen(choice, ['lens_dirty', 'occlusion', 'scene_change', 'noise'])).toBe(false)
    expect(isChosen(choiceOf('everything', standard), [])).toBe(true)
    expect(isChosen(choiceOf('everything', standard), ['noise'])).toBe(false)
  })
})

describe('the templates of tasks', () => {
  it.each([
    ['English', en],
    ['Chinese', zh],
  ] as const)('fill in a name in %s, a schedule and diagnoses, and leave the rest', (_, language) => {
    for (const key of TEMPLATE_KEYS) {
      const form = withTemplate(freshTask(), key, circumstances(language, standard))
      const { name, schedule, diagnoses, ...rest } = form
      const { name: _name, schedule: _schedule, diagnoses: _diagnoses, ...usual } = freshTask()
      expect(name).toBe(language.templates.tasks[key])
      expect(name.length).toBeLessThanOrEqual(200)
      expect(diagnoses).toEqual([...SETS[TEMPLATES[key].set]])
      expect(['interval', 'cron']).toContain(schedule.kind)
      expect(rest).toEqual(usual)
    }
  })

  it('start at hours of the zone in which the person lives', () => {
    const { schedule } = withTemplate(freshTask(), 'morning', circumstances(zh, standard))
    expect(schedule).toMatchObject({ kind: 'cron', expression: '0 7 * * *', time_zone: 'Asia/Shanghai' })
  })

  it('keep the cameras, and a name that somebody has typed', () => {
    const typed = { ...freshTask(), name: 'Gates', cameras: ['c1'], config: { noise: { sigma: 9 } } }
    const form = withTemplate(typed, 'quarterly', circumstances(en, standard))
    expect(form).toMatchObject({ name: 'Gates', cameras: ['c1'], config: { noise: { sigma: 9 } } })
    // The name of another template is no such name.
    expect(
      withTemplate({ ...form, name: en.templates.tasks.quarterly }, 'morning', circumstances(en, standard)).name,
    ).toBe(en.templates.tasks.morning)
  })

  it('never mean everything because nothing of their set is active', () => {
    const form = withTemplate(freshTask(), 'daylight', circumstances(en, ['brightness']))
    expect(form.diagnoses).toEqual([...SETS.view])
  })

  it('are found by the address of the form', () => {
    expect(templateOf({ template: 'morning' })).toBe('morning')
    expect(templateOf({ template: 'none' })).toBeUndefined()
    expect(templateOf({})).toBeUndefined()
  })
})
