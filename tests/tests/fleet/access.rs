//! Tokens, scopes, TLS with a private certificate authority, and a reverse proxy with a path prefix.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use reqwest::Method;
use serde_json::json;

use crate::{
    http::client,
    process::{Master, PATIENCE, Running, read},
    programs::program,
};

#[tokio::test]
async fn the_first_token_closes_an_open_master_and_scopes_hold() {
    let mut master = Master::start();
    master.running.says(&["everyone on this machine may do everything"]).await;
    let make = |name: &str, scope: &str| json!({"name": name, "scope": scope});
    let (status, admin) = master.post("/api/v1/tokens", &make("me", "admin")).await;
    assert_eq!(status, 201, "{admin}");
    let (status, refused) = read(master.request(Method::GET, "/api/v1/diagnosis/cameras")).await;
    assert_eq!((status, &refused["type"]), (401, &json!("/problems/unauthorized")));
    master.token = admin["token"].as_str().map(str::to_owned);
    let (_, viewer) = master.post("/api/v1/tokens", &make("wall", "viewer")).await;
    let listed = master.get("/api/v1/tokens").await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(admin["token"].as_str().unwrap()));
    master.token = viewer["token"].as_str().map(str::to_owned);
    master.get("/api/v1/diagnosis/cameras").await;
    let camera = json!({"name": "gate", "source": "rtsp://10.0.0.1/live"});
    let (status, refused) = master.post("/api/v1/diagnosis/cameras", &camera).await;
    assert_eq!((status, &refused["type"]), (403, &json!("/problems/forbidden")));
    // The database does not contain the secret in plain text.
    let database = std::fs::read(master.data.path().join("master.db-wal")).unwrap();
    let secret = viewer["token"].as_str().unwrap().rsplit('_').next().unwrap();
    assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
    master.token = admin["token"].as_str().map(str::to_owned);
    let path = format!("/api/v1/tokens/{}", viewer["id"].as_str().unwrap());
    assert_eq!(master.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    master.token = viewer["token"].as_str().map(str::to_owned);
    assert_eq!(read(master.request(Method::GET, "/api/v1/diagnosis/cameras")).await.0, 401);
}

#[tokio::test]
async fn log_lines_say_who_asked_and_events_end_with_the_token() {
    let mut master = Master::start();
    let (_, admin) = master.post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})).await;
    master.token = admin["token"].as_str().map(str::to_owned);
    let (_, viewer) = master.post("/api/v1/tokens", &json!({"name": "wall", "scope": "viewer"})).await;
    let camera = json!({"id": "gate", "name": "Gate", "source": "rtsp://10.0.0.1/live"});
    master.post("/api/v1/diagnosis/cameras", &camera).await;
    let (status, _) = master.post("/api/v1/diagnosis/cameras/gate/baseline/reset", &json!({})).await;
    assert_eq!(status, 200);
    let who = format!("by=the token `me` ({})", admin["id"].as_str().unwrap());
    master.running.says(&["baselines were reset", &who]).await;

    master.token = viewer["token"].as_str().map(str::to_owned);
    let mut events = master.request(Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(events.status(), 200);
    master.token = admin["token"].as_str().map(str::to_owned);
    let path = format!("/api/v1/tokens/{}", viewer["id"].as_str().unwrap());
    assert_eq!(master.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    let ended = async { while events.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream ends");
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_even_on_this_machine() {
    let master = Master::start();
    let request =
        master.request(Method::GET, "/api/v1/diagnosis/cameras").header("origin", "https://evil.example");
    assert_eq!(read(request).await.0, 403);
}

/// A name whose address somebody else decides may lead a browser to this machine. A page of that name has the master's
/// own origin.
#[tokio::test]
async fn an_open_master_answers_only_to_names_that_lead_nowhere_else() {
    let mut master = Master::start();
    let port = master.address().rsplit(':').next().unwrap().to_owned();
    let ask = |master: &Master, host: &str, path: &str| {
        let (host, origin) = (format!("{host}:{port}"), format!("http://{host}:{port}"));
        read(master.request(Method::GET, path).header("host", host).header("origin", origin))
    };
    let cameras = "/api/v1/diagnosis/cameras";
    for path in [cameras, "/", "/docs/", "/api/openapi.json", "/metrics", "/api/v1/session", "/nothing"] {
        let (status, refused) = ask(&master, "evil.example", path).await;
        assert_eq!((status, &refused["type"]), (403, &json!("/problems/host-not-allowed")), "{path}");
    }
    let user = json!({"name": "Eve", "scope": "admin", "password": "correct horse battery"});
    let taken = master.request(Method::POST, "/api/v1/users").header("host", "evil.example").json(&user);
    assert_eq!(read(taken).await.0, 403);
    for host in ["localhost", "sight.localhost", "127.0.0.1", "[::1]", "10.0.0.5"] {
        assert_eq!(ask(&master, host, cameras).await.0, 200, "{host}");
    }
    let alive =
        master.request(Method::GET, "/healthz").header("host", "balancer.example").send().await.unwrap();
    assert_eq!(alive.status(), 200);
    // Once people sign in, a foreign page has no credentials, and the master may have any name.
    let (_, admin) = master.post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})).await;
    assert_eq!(ask(&master, "sight.example", cameras).await.0, 401);
    master.token = admin["token"].as_str().map(str::to_owned);
    assert_eq!(ask(&master, "sight.example", cameras).await.0, 200);
}

/// Makes a private certificate authority and a certificate for localhost.
fn certificates(dir: &Path) -> bool {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command
            .current_dir(dir)
            .args(arguments.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    std::fs::write(dir.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    let made = openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority",
    ) && openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost",
    ) && openssl(
        "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile san",
    );
    if !made {
        assert!(std::env::var_os("CI").is_none(), "openssl is not installed");
        eprintln!("SKIPPED: openssl is not installed");
    }
    made
}

#[tokio::test]
async fn a_worker_trusts_a_private_authority_only_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    if !certificates(dir.path()) {
        return;
    }
    let file = |name: &str| dir.path().join(name).display().to_string();
    let mut command = program("easysight-master");
    command.args(["--listen", "127.0.0.1:0", "--data-dir", &file("master")]);
    command.args(["--tls-cert", &file("cert.pem"), "--tls-key", &file("key.pem")]);
    let master = Running::start(command);
    assert!(master.url.starts_with("https://"));
    let start = |name: &str, flags: &[&str]| {
        let mut command = program("easysight-worker");
        command.args(["--master-url", &master.url, "--listen", "127.0.0.1:0", "--node-name", name]);
        Running::start({
            command.args(["--data-dir", &file(name)]).args(flags);
            command
        })
    };
    let stranger = start("stranger", &[]);
    let trusting = start("trusting", &["--master-ca", &file("ca.pem")]);
    let ready = |url: String| async move {
        let until = std::time::Instant::now() + crate::process::PATIENCE;
        loop {
            let answer = client().get(format!("{url}/readyz")).send().await.unwrap();
            if answer.status() == 200 || std::time::Instant::now() > until {
                return answer.status().as_u16();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    assert_eq!(ready(trusting.url.clone()).await, 200);
    let answer = client().get(format!("{}/readyz", stranger.url)).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    stranger.says(&["certificate"]).await;
}

#[tokio::test]
async fn a_reverse_proxy_with_a_path_prefix_stands_in_between() {
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    // This port was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "daemon off; pid {0}/pid; error_log stderr; events {{}} http {{ access_log off; \
         client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; \
         server {{ listen 127.0.0.1:{port}; location /easysight/ {{ proxy_pass {1}/; proxy_read_timeout 70s; \
         proxy_set_header Host $http_host; }} }} }}",
        dir.path().display(),
        master.url(),
    );
    std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-e").arg("stderr").arg("-c").arg(dir.path().join("nginx.conf")).stdin(Stdio::null());
    let Ok(mut nginx) = nginx.spawn() else {
        assert!(std::env::var_os("CI").is_none(), "nginx is not installed");
        eprintln!("SKIPPED: nginx is not installed");
        return;
    };
    let mut command = program("easysight-worker");
    command.args(["--master-url", &format!("http://127.0.0.1:{port}/easysight/"), "--node-name", "behind"]);
    command
        .args(["--listen", "127.0.0.1:0", "--task-poll-interval", "1", "--data-dir"])
        .arg(dir.path().join("w"));
    let _worker = Running::start(command);
    let nodes = master.has_nodes(1).await;
    assert_eq!(nodes[0]["name"], json!("behind"));
    drop(nginx.kill());
    drop(nginx.wait());
}

/// Returns the output of a program that is expected to end. It is stopped after 20 s.
fn ended(command: &Command) -> Output {
    let mut bounded = Command::new("timeout");
    bounded.arg("20").arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    bounded.output().unwrap()
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_said_at_the_start() {
    let refused = |flags: &[&str]| {
        let mut command = program("easysight-master");
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        let output = ended(&command);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("corrupt.db"), "this is no database, whatever its name says".repeat(100)).unwrap();
    let corrupt =
        refused(&["--data-dir", &path("a"), "--database-url", &format!("sqlite://{}", path("corrupt.db"))]);
    assert!(corrupt.contains("damaged or is not an SQLite database"), "{corrupt}");
    let misplaced = format!("sqlite://{}/x.db", path("corrupt.db"));
    let misplaced = refused(&["--data-dir", &path("b"), "--database-url", &misplaced]);
    assert!(misplaced.contains("Not a directory") || misplaced.contains("File exists"), "{misplaced}");
    let read_only = format!("sqlite://{}?mode=ro", path("read-only.db"));
    std::fs::write(path("read-only.db"), "").unwrap();
    let read_only = refused(&["--data-dir", &path("b"), "--database-url", &read_only]);
    assert!(read_only.contains("may not write"), "{read_only}");
    let nobody = refused(&["--data-dir", &path("c"), "--database-url", "postgres://u:secret@127.0.0.1:1/x"]);
    assert!(nobody.contains("cannot be used") && !nobody.contains("secret"), "{nobody}");
    // Another master has locked the database.
    let url = format!("sqlite://{}", path("shared.db"));
    let _first = Master::start_in(Arc::clone(&dir), "127.0.0.1:0", &["--database-url", &url]);
    let second = refused(&["--data-dir", &path("d"), "--database-url", &url]);
    assert!(second.contains("another master uses"), "{second}");
    let same = refused(&["--data-dir", &dir.path().display().to_string()]);
    assert!(same.contains("another master uses"), "{same}");
}
