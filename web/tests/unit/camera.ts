// A camera and a finding as the API sends them, for tests.
import type { Camera, Result } from '@/api/types'

export function camera(id: string, more: Partial<Camera> = {}): Camera {
  return {
    id,
    name: id,
    source: 'rtsp://***@10.0.0.1/stream',
    enabled: true,
    labels: {},
    groups: [],
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    status: 'normal',
    checked_at: '2026-01-02T00:00:00Z',
    ...more,
  } as Camera
}

export const lost = (since: string): Camera['lost'] => ({
  reason: 'connect-timed-out',
  connects: false,
  since,
  looks: 3,
  looked_at: since,
  next_full_look_at: since,
})

export function finding(diagnosis: string, status: Result['status'], more: Partial<Result> = {}): Result {
  return {
    id: `${diagnosis}-${more.captured_at ?? ''}`,
    job_id: '00000000-0000-0000-0000-000000000001',
    run_id: '00000000-0000-0000-0000-000000000002',
    task_id: 't',
    camera_id: 'c',
    node_id: 'n',
    captured_at: '2026-01-02T00:00:00Z',
    recorded_at: '2026-01-02T00:00:01Z',
    diagnosis,
    status,
    score: 50,
    decision: null,
    message: { zh: '', en: '' },
    failure: null,
    fuel: 1,
    compute_ms: 1,
    memory_bytes: 0,
    plugin: `${diagnosis}@1.0.0`,
    digest: null,
    ...more,
  } as Result
}
