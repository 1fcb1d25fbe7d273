//! What the audit log says of users, and of sign-ins.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

use super::{Browser, CAMERAS, PASSWORD, SESSION, sign_in, with_admin};
use crate::{
    process::{Master, PATIENCE, read},
    programs::program,
};

/// Reads the audit log.
pub(super) async fn audit(master: &Master, browser: &Browser) -> Value {
    let (status, page) = read(browser.request(master, Method::GET, "/api/v1/audit")).await;
    assert_eq!(status, 200, "{page}");
    page
}

/// Returns who did what, latest first.
pub(super) fn told(page: &Value) -> Vec<String> {
    let entry = |one: &Value| {
        let who = one["actor"]["name"].as_str().unwrap_or("-");
        format!("{who} {}", one["action"].as_str().unwrap())
    };
    page["items"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn the_audit_log_names_users_and_never_their_passwords() {
    let master = Master::start();
    let user = json!({"name": "Ada", "scope": "admin", "password": PASSWORD});
    let (_, made) = master.post("/api/v1/users", &user).await;
    let ada = Browser::sign_in(&master, "Ada", PASSWORD).await;
    let camera = json!({"id": "gate", "name": "Gate", "source": "rtsp://10.0.0.1/live"});
    assert_eq!(read(ada.request(&master, Method::POST, CAMERAS).json(&camera)).await.0, 201);
    let own = json!({"old_password": PASSWORD, "new_password": "another long password"});
    let request = ada.request(&master, Method::PUT, "/api/v1/session/password").json(&own);
    assert_eq!(read(request).await.0, 204);
    let path = format!("/api/v1/users/{}", made["id"].as_str().unwrap());
    let change = json!({"name": "Ada L.", "password": "a third long password"});
    assert_eq!(read(ada.request(&master, Method::PATCH, &path).json(&change)).await.0, 200);
    let ada = Browser::sign_in(&master, "Ada L.", "a third long password").await;
    let page = audit(&master, &ada).await;
    let actions = [
        "Ada L. session.open",
        "Ada user.update",
        "Ada user.password",
        "Ada camera.create",
        "Ada session.open",
        "- user.create",
    ];
    assert_eq!(told(&page), actions);
    let items = &page["items"].as_array().unwrap()[1..];
    assert_eq!(items[0]["actor"]["kind"], "user");
    assert_eq!(items[0]["before"], json!({"name": "Ada"}));
    assert_eq!(items[0]["after"], json!({"name": "Ada L.", "secrets": "changed"}));
    assert_eq!(items[1]["after"], json!({"secrets": "changed"}));
    for secret in [PASSWORD, "another long", "a third long", "argon2"] {
        assert!(!page.to_string().contains(secret), "{page}");
    }
}

#[tokio::test]
async fn the_audit_log_has_sign_ins_refusals_and_sign_outs() {
    let (master, ada) = with_admin().await;
    let token = json!({"name": "wall", "scope": "viewer"});
    let request = ada.request(&master, Method::POST, "/api/v1/tokens").json(&token);
    let (_, wall) = read(request).await;
    // Two sessions of Ada, one of which ends by itself, and a browser with a token.
    let here = Browser::sign_in(&master, "ada", PASSWORD).await;
    assert_eq!(here.request(&master, Method::DELETE, SESSION).send().await.unwrap().status(), 204);
    let bearer = wall["token"].as_str().unwrap();
    let opened = master.request(Method::POST, SESSION).bearer_auth(bearer).send().await.unwrap();
    assert_eq!(opened.status(), 204);
    // Whoever types the password into the field for the name finds it nowhere.
    for name in [PASSWORD, "invented", "Ada"] {
        assert_eq!(sign_in(&master, name, "wrong password").send().await.unwrap().status(), 401);
    }
    let statuses: Vec<u16> = {
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(sign_in(&master, "Ada", "wrong password").send().await.unwrap().status().as_u16());
        }
        all
    };
    let (wrong, early) = (
        statuses.iter().filter(|status| **status == 401).count() + 1,
        statuses.iter().filter(|status| **status == 429).count(),
    );
    assert!(wrong + early == 21 && early >= 8, "{statuses:?}");
    let all = ada.request(&master, Method::DELETE, &format!("{SESSION}/all")).send().await.unwrap();
    assert_eq!(all.status(), 204);
    // The right password would have to wait, so a token reads the log.
    let output = {
        let mut command = program("easysight-master");
        command.arg("--data-dir").arg(master.data.path());
        command.args(["token", "create", "--name", "root", "--scope", "admin"]).output().unwrap()
    };
    let root = String::from_utf8(output.stdout).unwrap();
    let request = master.request(Method::GET, "/api/v1/audit?action=session").bearer_auth(root.trim());
    let (status, page) = read(request).await;
    assert_eq!(status, 200, "{page}");
    assert!(!page.to_string().contains(PASSWORD) && !page.to_string().contains("wrong password"), "{page}");
    assert_eq!(
        told(&page),
        [
            "Ada session.close_all",
            "- session.refuse",
            "- session.refuse",
            "- session.refuse",
            "wall session.open",
            "Ada session.close",
            "Ada session.open",
            "Ada session.open",
        ]
    );
    let items = page["items"].as_array().unwrap();
    assert_eq!(items[0]["after"], json!({"sessions": 1}));
    // The number of sign-ins that came too early is written when it has doubled.
    let written = 1 << early.ilog2();
    assert_eq!(items[1]["after"], json!({"name": "Ada", "reason": "too-early", "attempts": written}));
    assert_eq!(items[2]["after"], json!({"name": "Ada", "reason": "wrong-password", "attempts": wrong}));
    assert_eq!(items[3]["after"], json!({"reason": "wrong-password", "attempts": 2}));
    assert_eq!((&items[3]["outcome"], &items[3]["object"]["id"]), (&json!("refused"), &Value::Null));
    assert_eq!((&items[2]["address"], &items[2]["object"]["kind"]), (&json!("127.0.0.1"), &json!("session")));
}

#[tokio::test]
async fn the_audit_log_has_the_refusal_of_a_client_that_hung_up() {
    let (master, ada) = with_admin().await;
    let file = master.data.path().join("master.db");
    let mut database = sqlx::SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    let attempt = tokio::spawn(sign_in(&master, "Ada", "wrong password").send());
    // The attempt has been counted, and the password is being compared.
    loop {
        let sql = "SELECT COUNT(*) FROM sign_ins WHERE failures > 0";
        let counted: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
        if counted > 0 {
            break;
        }
    }
    attempt.abort();
    let refused = |page: &Value| told(page).contains(&"- session.refuse".to_owned());
    let deadline = Instant::now() + PATIENCE;
    while !refused(&audit(&master, &ada).await) {
        assert!(Instant::now() < deadline, "the refusal is not in the audit log");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
