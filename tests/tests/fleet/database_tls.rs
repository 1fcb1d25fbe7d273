//! A master that connects to its PostgreSQL with TLS.

use std::{process::Command, sync::Arc};

use serde_json::json;

use crate::{
    postgres::{Entry, Private},
    process::Master,
    programs::program,
};

#[tokio::test]
async fn a_master_keeps_what_it_knows_behind_verified_tls_or_does_not_start() {
    let Some(server) = Private::start(Entry::Tls) else { return };
    let url = |host: &str| {
        let (port, authority) = (server.port, server.authority());
        let tls = format!("sslmode=verify-full&sslrootcert={}", authority.display());
        format!("postgres://postgres:secret@{host}:{port}/postgres?{tls}")
    };
    let data = Arc::new(tempfile::tempdir().unwrap());
    let master = Master::start_in(Arc::clone(&data), "127.0.0.1:0", &["--database-url", &url("localhost")]);
    master.add_cameras(3, "rtsp://10.0.0.1/live").await;
    drop(master);
    let master = Master::start_in(data, "127.0.0.1:0", &["--database-url", &url("localhost")]);
    let cameras = master.get("/api/v1/diagnosis/cameras").await;
    assert_eq!(cameras["items"].as_array().unwrap().len(), 3);
    assert_eq!(cameras["items"][0]["id"], json!("c0"));

    let elsewhere = tempfile::tempdir().unwrap();
    let mut refused = Command::new("timeout");
    refused.arg("30").arg(program("easysight-master").get_program());
    refused.args(["--listen", "127.0.0.1:0", "--database-url", &url("127.0.0.1"), "--data-dir"]);
    let refused = refused.arg(elsewhere.path()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("not for this host name") && !said.contains("secret"), "{said}");
}
