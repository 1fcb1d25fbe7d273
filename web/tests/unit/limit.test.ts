// The threshold of a chart: where it stands, and how it is moved by mouse and by keys.
import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import LimitHandle from '@/cameras/LimitHandle.vue'
import { stepIn, stepped, topOf, valueAt } from '@/cameras/limit'
import { i18n } from '@/locales'

const plot = { low: 0, high: 200, top: 20, height: 160 }

describe('a plot', () => {
  it('has a place for each value, and a value for each place', () => {
    expect([topOf(200, plot), topOf(100, plot), topOf(0, plot)]).toEqual([20, 100, 180])
    expect([topOf(999, plot), topOf(-1, plot)]).toEqual([20, 180])
    expect([valueAt(20, plot), valueAt(100, plot), valueAt(180, plot)]).toEqual([200, 100, 0])
    expect([valueAt(-50, plot), valueAt(500, plot)]).toEqual([200, 0])
  })

  it('has steps without odd digits', () => {
    const small = { low: 0.1, high: 0.4, top: 0, height: 100 }
    expect([stepIn(plot), stepIn(small)]).toEqual([1, 0.002])
    expect([stepped(0.3, 1, small), stepped(0.3, -10, small), stepped(0.4, 5, small)]).toEqual([0.302, 0.28, 0.4])
    expect(topOf(5, { low: 5, high: 5, top: 7, height: 100 })).toBe(7)
  })
})

describe('the handle', () => {
  beforeEach(() => {
    i18n.global.locale.value = 'en'
  })

  function open() {
    const page = mount(LimitHandle, {
      props: { threshold: 80, plot, unit: 'grey level' },
      global: { plugins: [i18n] },
      attachTo: document.body,
    })
    const handle = page.find('[role="slider"]')
    ;(handle.element as HTMLElement).setPointerCapture = vi.fn()
    const point = (kind: string, clientY: number, pointerId = 1) =>
      handle.trigger(kind, { clientY, pointerId, button: 0 })
    return { page, handle, point }
  }

  it('is dragged, and passes its value on when it is released', async () => {
    const { page, handle, point } = open()
    expect(handle.attributes('aria-valuetext')).toBe('80 grey levels')
    await point('pointerdown', 300)
    await point('pointermove', 268)
    expect(handle.attributes('aria-valuenow')).toBe('120')
    expect(page.find('.value').text()).toBe('120 grey levels')
    await point('pointermove', 200, 2)
    expect(handle.attributes('aria-valuenow')).toBe('120')
    expect(page.emitted('choose')).toBeUndefined()
    await point('pointerup', 268)
    expect(page.emitted('choose')).toEqual([[120]])
    page.unmount()
  })

  it('does nothing where it is only clicked, or the drag is broken off', async () => {
    const { page, handle, point } = open()
    await point('pointerdown', 300)
    await point('pointermove', 301)
    await point('pointerup', 301)
    await point('pointerdown', 300)
    await point('pointermove', 200)
    await point('pointercancel', 200)
    await point('pointermove', 100)
    await point('pointerup', 100)
    expect([page.emitted('choose'), handle.attributes('aria-valuenow')]).toEqual([undefined, '80'])
    page.unmount()
  })

  it('is moved with keys, confirmed with Enter, and put back with Escape', async () => {
    const { page, handle } = open()
    const press = (key: string) => handle.trigger('keydown', { key })
    await press('Enter')
    expect(page.emitted('choose')).toBeUndefined()
    for (const key of ['PageUp', 'ArrowUp', 'ArrowRight', 'ArrowDown']) await press(key)
    expect(handle.attributes('aria-valuenow')).toBe('91')
    await press('Escape')
    expect(handle.attributes('aria-valuenow')).toBe('80')
    await press('Home')
    expect(handle.attributes('aria-valuenow')).toBe('0')
    await press('End')
    await press('PageDown')
    await press('Enter')
    expect(page.emitted('choose')).toEqual([[190]])
    page.unmount()
  })
})
