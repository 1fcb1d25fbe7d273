//! The plans of recent runs, so that a lease need not read them. A job is usually leased right after its run was
//! created.

use std::collections::HashMap;

use easysight_protocol::{JobPlan, RunId};
use parking_lot::Mutex;

/// The maximum number of runs whose plans are kept.
const MAX_KEPT: usize = 256;

/// Plans by run. The plan of a run that has jobs never changes.
#[derive(Default)]
pub(crate) struct Plans(Mutex<HashMap<RunId, JobPlan>>);

impl Plans {
    pub(crate) fn get(&self, run: RunId) -> Option<JobPlan> {
        self.0.lock().get(&run).cloned()
    }

    pub(crate) fn keep(&self, run: RunId, plan: JobPlan) {
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(run, plan);
    }
}
