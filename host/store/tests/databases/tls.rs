//! A PostgreSQL server that is reached by TLS: only the right server is accepted.

use std::process::Command;

use easysight_store::{Dialect, Store};

use super::postgres::{Entry, Private};

/// Returns the reason why a database is not opened.
async fn refused(url: &str) -> String {
    match Store::open(url).await {
        Ok(_) => panic!("{url} is opened"),
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains("secret"), "{said}");
            said
        }
    }
}

#[tokio::test]
async fn a_server_is_believed_only_with_a_certificate_for_its_name_from_the_right_authority() {
    let Some(server) = Private::start(Entry::Tls) else { return };
    let port = server.port;
    let url = |host: &str, more: &str| {
        format!("postgres://postgres:secret@{host}:{port}/postgres?sslmode=verify-full{more}")
    };
    let authority = format!("&sslrootcert={}", server.authority().display());
    let (store, writing) = Store::open(&url("localhost", &authority)).await.unwrap();
    assert_eq!(store.dialect(), Dialect::Postgres);
    assert!(store.lead("tester", "one".into(), 1_000).await.unwrap());
    drop(store);
    writing.await.unwrap();

    let other_name = refused(&url("127.0.0.1", &authority)).await;
    assert!(other_name.contains("not for this host name"), "{other_name}");
    let unknown = refused(&url("localhost", "")).await;
    assert!(unknown.contains("sslrootcert"), "{unknown}");
    let dir = tempfile::tempdir().unwrap();
    let mut openssl = Command::new("openssl");
    openssl.current_dir(dir.path()).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "other.key", "-out", "other.pem"]);
    assert!(openssl.args(["-subj", "/CN=another-authority"]).output().unwrap().status.success());
    let other = format!("&sslrootcert={}", dir.path().join("other.pem").display());
    let other = refused(&url("localhost", &other)).await;
    assert!(other.contains("another authority"), "{other}");
    let absent = refused(&url("localhost", "&sslrootcert=/no/such/ca.pem")).await;
    assert!(absent.contains("/no/such/ca.pem"), "{absent}");
    // The server is configured to accept no connection without TLS.
    let plain =
        refused(&format!("postgres://postgres:secret@localhost:{port}/postgres?sslmode=disable")).await;
    assert!(plain.contains("pg_hba.conf"), "{plain}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let Some(server) = Private::start(Entry::Open) else { return };
    let url = format!("postgres://postgres:secret@localhost:{}/postgres?sslmode=verify-full", server.port);
    let said = refused(&url).await;
    assert!(said.contains("does not offer TLS"), "{said}");
}
