//! An administrator drains nodes and resumes them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    bare_node::{Node, nothing_found, result},
    process::Master,
};

const NODES: &str = "/api/v1/diagnosis/workers";

async fn is_drained(master: &Master, id: &str) -> Value {
    let nodes = master.get(&format!("{NODES}/distributed")).await;
    nodes.as_array().unwrap().iter().find(|node| node["id"] == id).unwrap()["drained"].clone()
}

#[tokio::test]
async fn jobs_go_past_a_drained_node_until_it_is_resumed() {
    let master = Master::start();
    master.publish_standard().await;
    let (mut first, ..) = Node::register(&master, "first", json!({})).await;
    let (mut second, ..) = Node::register(&master, "second", json!({})).await;
    master.add_cameras(3, "rtsp://10.0.0.2/live").await;
    master
        .add_task(json!({"id": "all", "name": "all", "groups": ["hall"], "diagnoses": ["brightness"]}))
        .await;
    let (status, answer) = master.post(&format!("{NODES}/nobody/drain"), &json!({})).await;
    assert_eq!((status, answer["type"].as_str()), (404, Some("/problems/no-such-node")), "{answer}");
    // Both polls wait when the first node is drained. The jobs wake the poll that has waited longer, which must pass
    // the wake-up on.
    let poll_waits = async |count: usize| {
        let is_so = || async {
            let text = master.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
            text.lines().any(|line| line == format!("easysight_master_long_polls {count}"))
        };
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (waited, ()) = tokio::join!(first.lease(60_000), async {
        poll_waits(1).await;
        let (all, ()) = tokio::join!(second.lease(60_000), async {
            poll_waits(2).await;
            let (status, _) = master.post(&format!("{NODES}/first/drain"), &json!({})).await;
            assert_eq!(status, 204);
            master.submit("all").await;
        });
        assert_eq!(all["jobs"].as_array().unwrap().len(), 3, "{all}");
        assert_eq!(is_drained(&master, "first").await, json!(true));
        let results = (0..3).map(|at| result(&all, at, &nothing_found())).collect();
        second.report(Value::Array(results)).await;
        // The poll of the drained node is answered as soon as the node is resumed.
        let (status, _) = master.post(&format!("{NODES}/first/resume"), &json!({})).await;
        assert_eq!(status, 204);
    });
    assert_eq!(waited["jobs"], json!([]));
    master.submit("all").await;
    let leased = first.lease(60_000).await;
    assert_eq!(leased["jobs"].as_array().unwrap().len(), 3, "{leased}");
    assert_eq!(is_drained(&master, "first").await, json!(false));
}
