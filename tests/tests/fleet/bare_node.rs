//! A node without a worker program: it uses the protocol directly.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::Master;

/// A node of a master.
pub(crate) struct Node<'a> {
    master: &'a Master,
    id: &'static str,
    pub(crate) incarnation: Uuid,
    poll: u64,
}

impl<'a> Node<'a> {
    pub(crate) async fn register(master: &'a Master, id: &'static str, more: Value) -> (Self, u16, Value) {
        let incarnation = Uuid::new_v4();
        let mut body = json!({
            "id": id, "name": id, "incarnation": incarnation, "pool_size": 1, "capacity": 100, "version": "0",
            "clock": "2026-01-01T00:00:00Z",
            "system": {"hostname": "h", "os": "o", "arch": "a", "cpus": 1, "memory_total_bytes": 1,
                "memory_used_bytes": 1, "process_memory_bytes": 1},
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = master.post("/api/v1/diagnosis/workers/register", &body).await;
        (Self { master, id, incarnation, poll: 0 }, status, answer)
    }

    pub(crate) async fn lease(&mut self, wait_ms: u64) -> Value {
        self.poll += 1;
        let body =
            json!({"incarnation": self.incarnation, "poll": self.poll, "max_jobs": 100, "wait_ms": wait_ms});
        let path = format!("/api/v1/diagnosis/workers/{}/leases", self.id);
        let (status, answer) = self.master.post(&path, &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) async fn report(&self, results: Value) -> Value {
        let path = format!("/api/v1/diagnosis/workers/{}/results", self.id);
        let (status, answer) = self.master.post(&path, &json!({"results": results})).await;
        assert_eq!(status, 200, "{answer}");
        answer["verdicts"].clone()
    }
}

pub(crate) fn result(lease: &Value, at: usize, outcome: &Value) -> Value {
    let job = &lease["jobs"][at];
    json!({"job_id": job["id"], "lease": lease["lease"], "attempt": job["attempt"], "outcome": outcome})
}

pub(crate) fn nothing_found() -> Value {
    json!({"kind": "finished", "findings": [], "decode_ms": 1.0})
}
