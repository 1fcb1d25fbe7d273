// Uploads a component. Unlike `fetch`, this reports the progress.
import { PROOF, address } from '@/api/client'
import { ApiError, Unreachable, problemOf } from '@/api/problem'
import type { Plugin } from '@/api/types'
import { session } from '@/session/session'

const MEDIA_TYPE = 'application/wasm'

export interface Published {
  plugin: Plugin
  /** False if the same component was already published. */
  isNew: boolean
}

function send(
  body: XMLHttpRequestBodyInit,
  type: string | undefined,
  progress: (share: number) => void,
): Promise<Published> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', address('/api/v1/plugins'))
    if (type) request.setRequestHeader('content-type', type)
    for (const [name, value] of Object.entries(PROOF)) request.setRequestHeader(name, value)
    if (session.token.value) request.setRequestHeader('authorization', `Bearer ${session.token.value}`)
    request.responseType = 'json'
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total)
    request.onerror = () => reject(new Unreachable())
    request.onload = () => {
      if (request.status >= 200 && request.status < 300)
        resolve({ plugin: request.response as Plugin, isNew: request.status === 201 })
      else reject(new ApiError(problemOf(request.response, request)))
    }
    request.send(body)
  })
}

/** Publishes a component, with its signature if there is one. */
export async function publish(
  component: File,
  signature: File | undefined,
  progress: (share: number) => void,
): Promise<Published> {
  if (session.lacksToken.value) await session.signInAgain()
  const attempt = (): Promise<Published> => {
    if (!signature) return send(component, MEDIA_TYPE, progress)
    const form = new FormData()
    form.append('component', component)
    form.append('signature', signature)
    return send(form, undefined, progress)
  }
  try {
    return await attempt()
  } catch (error) {
    const isExpired = error instanceof ApiError && error.problem.status === 401
    if (isExpired && (await session.signInAgain('expired'))) return attempt()
    throw error
  }
}
