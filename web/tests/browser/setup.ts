// One master with a worker for the tests that need cameras with findings. It is open: it asks nobody to sign in.
import type { TestProject } from 'vitest/node'
// The scripts are plain JavaScript, because they also run by themselves.
// @ts-expect-error The script has no types.
import { addCameras, ask, check, directory, push, startMaster, startWorker, submit } from '../../scripts/fleet.mjs'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The address of the master. */
    master: string
    /** Its data directory. */
    data: string
  }
}

/** The plugins: one for each fault that the cameras show. */
const PLUGINS = ['signal_loss', 'brightness', 'freeze', 'contrast', 'clarity', 'noise']

const CAMERAS = [
  { id: 'healthy', name: 'Main gate', groups: ['gates'], shows: 'healthy' },
  { id: 'dark', name: 'Loading dock', groups: ['yard'], shows: 'dark' },
  { id: 'frozen', name: 'Car park', groups: ['yard'], shows: 'frozen' },
  { id: 'absent', name: 'Back door', groups: ['gates'] },
]

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  check()
  const { path, remove } = directory()
  const servers: { stop: () => Promise<void> }[] = []
  const end = async (): Promise<void> => {
    for (const server of servers.reverse()) await server.stop()
    remove()
  }
  try {
    const master = await startMaster(path)
    servers.push(master, await startWorker(path, master.url))
    push(master.url, PLUGINS)
    await addCameras(master.url, CAMERAS)
    const task = { id: 'hourly', name: 'Everything', groups: ['gates', 'yard'] }
    await ask(master.url, '/api/v1/diagnosis/tasks', task)
    // The first look remembers what is usual.
    submit(master.url, 'hourly')
    submit(master.url, 'hourly')
    project.provide('master', master.url)
    project.provide('data', path)
    return end
  } catch (error) {
    await end()
    throw error
  }
}
