//! The types that EasySight's programs exchange over HTTP and in files: findings, cameras, tasks, runs, leases,
//! plugins, nodes, events, and problem details. The crate holds data only and does no I/O. Its doc comments are
//! published in the OpenAPI document.

mod access;
mod audit;
mod baseline;
mod camera;
mod event;
mod filter;
mod finding;
mod id;
mod import;
mod measurement;
mod moment;
mod node;
mod overview;
mod page;
mod plugin;
mod problem;
mod replay;
mod run;
mod schema;
mod shadow;
mod storage;
mod submission;
mod task;
mod user;
mod worker;

pub use access::{NewToken, ParseScopeError, Scope, TokenInfo, TokenRequest};
pub use audit::{ActorKind, AuditActor, AuditEntry, AuditObject, AuditOutcome, AuditWay};
pub use baseline::{
    Baseline, BaselineError, BaselineInfo, BaselineReset, LOOKS_MEMORY, MAX_BASELINE_BYTES, plugin_name,
};
pub use easysight_address::same_place;

pub use camera::{
    Camera, CameraEvidence, CameraGroup, CameraPage, CameraRequest, ChangedCamera, GoodPicture, Labels, Lost,
    masked_source,
};
pub use event::{Event, NodeChange, RunChange};
pub use filter::{CameraListFilter, SavedFilter, SavedFilterRequest};
pub use finding::{Decision, Evidence, Failure, Finding, Look, Metric, Region, Status, Text};
pub use id::{AuditId, Ids, Incarnation, JobId, LeaseToken, RunId, SubmissionId, fresh_id};
pub use import::{ImportAction, ImportAnswer, LineProblem, PlannedLine};
pub use measurement::{
    CameraSeries, CameraTimeline, MetricSeries, SeriesBucket, SeriesPoint, TimelineCell, TimelineRow, rank_of,
};
pub use moment::now;
pub use node::{
    MasterStatus, NodeMode, NodeState, NodeStatus, PluginSummary, PoolStatus, SystemInfo, Totals,
};
pub use overview::{
    CameraHealth, CauseCount, DayOverview, FormerCounts, GroupOverview, HealthCounts, NodesOverview,
    Overview, QueueOverview, RunsOverview,
};
pub use page::Page;
pub use plugin::{
    Activation, ActivationRequest, COMPONENT_MEDIA_TYPE, DiagnosisInfo, KeySignature, PluginSignature,
    PublishedPlugin,
};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem};
pub use replay::{
    CameraReplay, CheckReplay, LimitSide, LimitThreshold, MetricLimit, Replay, ReplayChanges, ReplayChecks,
    ReplayLimits, UntoldLimit,
};
pub use run::{DiagnosisResult, Job, JobState, Progress, Run, RunState, Trigger};
pub use shadow::{
    MeanCost, PluginUsage, RunLimits, ShadowChange, ShadowDiagnosis, ShadowDifference, ShadowReport, Used,
    UsedOfDay,
};
pub use storage::{DatabaseStorage, DiskStorage, StorageRetention, StorageStatus, TableStorage};
pub use submission::{Submission, SubmissionRequest, SubmissionState, uploaded_name, uploaded_source};
pub use task::{MissedRuns, NextStarts, Schedule, SubmitRequest, Task, TaskRequest};
pub use user::{
    Identified, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Password, PasswordChange, SessionInfo,
    SessionRequest, UserChange, UserInfo, UserRequest, WelcomeRequest,
};
pub use worker::{
    DistributedNode, HeartbeatAnswer, HeartbeatRequest, HeldJob, JobOutcome, JobPlan, JobResult, LeaseAnswer,
    LeaseRequest, LeasedJob, NodeJob, Origin, PlannedPlugin, RegisterAnswer, RegisterRequest, ResultsAnswer,
    ResultsRequest, Verdict,
};
