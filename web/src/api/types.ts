import type { components } from './schema'

type Schemas = components['schemas']

/** An object that may have been read alone, and not as a part of a list. */
export interface Versioned {
  /** The version of the object's definition (`ETag`). A change sends the version that it is based on. */
  etag?: string
}

export type Camera = Schemas['Camera'] & Versioned
export type CameraRequest = Schemas['CameraRequest']
export type CameraPage = Schemas['CameraPage']
export type CameraHealth = Schemas['CameraHealth']
export type Overview = Schemas['Overview']
export type HealthCounts = Schemas['HealthCounts']
export type DayOverview = Schemas['DayOverview']
export type CameraGroup = Schemas['CameraGroup']
export type BaselineInfo = Schemas['BaselineInfo']
export type ImportAnswer = Schemas['ImportAnswer']
export type Task = Schemas['Task'] & Versioned
export type TaskRequest = Schemas['TaskRequest']
export type Schedule = Schemas['Schedule']
export type NextStarts = Schemas['NextStarts']
export type SavedFilter = Schemas['SavedFilter']
export type CameraListFilter = Schemas['CameraListFilter']
export type Run = Schemas['Run']
export type RunState = Schemas['RunState']
export type Job = Schemas['Job']
export type JobState = Schemas['JobState']
export type Result = Schemas['DiagnosisResult']
export type Finding = Schemas['Finding']
export type CameraSeries = Schemas['CameraSeries']
export type MetricSeries = Schemas['MetricSeries']
export type CameraTimeline = Schemas['CameraTimeline']
export type ReplayLimits = Schemas['ReplayLimits']
export type MetricLimit = Schemas['MetricLimit']
export type Replay = Schemas['Replay']
export type CameraReplay = Schemas['CameraReplay']
export type CheckReplay = Schemas['CheckReplay']
export type TimelineCell = Schemas['TimelineCell']
export type Status = Schemas['Status']
export type Text = Schemas['Text']
export type Region = Schemas['Region']
export type Plugin = Schemas['PublishedPlugin']
export type Activation = Schemas['Activation']
export type ShadowReport = Schemas['ShadowReport']
export type PluginUsage = Schemas['PluginUsage']
export type Node = Schemas['DistributedNode']
export type MasterStatus = Schemas['MasterStatus']
export type StorageStatus = Schemas['StorageStatus']
export type TokenInfo = Schemas['TokenInfo']
export type NewToken = Schemas['NewToken']
export type TokenRequest = Schemas['TokenRequest']
export type AuditEntry = Schemas['AuditEntry']
export type UserInfo = Schemas['UserInfo']
export type UserScope = Schemas['UserScope']
export type SessionInfo = Schemas['SessionInfo']
export type Submission = Schemas['Submission']
export type Scope = Schemas['Scope']

/** One page of a list. To read the next page, send `next` as `after`. */
export interface Page<T> {
  items: T[]
  next?: string | null
}

/** An event of `GET /api/v1/events`. */
export type LiveEvent = Schemas['Event']
