//! Users who sign in with a name and a password: their sessions, what a cookie may do, delays after wrong passwords,
//! and the first administrator.

mod audit;
mod terminal;

use std::sync::Arc;

use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value, json};
use sqlx::Connection;

use audit::{audit, told};

use crate::process::{Master, PATIENCE, read};

pub(crate) const PASSWORD: &str = "correct horse battery";
const CAMERAS: &str = "/api/v1/diagnosis/cameras";
const SESSION: &str = "/api/v1/session";

/// A browser with the cookie of a session.
pub(crate) struct Browser {
    cookie: String,
}

impl Browser {
    /// Signs in.
    pub(crate) async fn sign_in(master: &Master, name: &str, password: &str) -> Self {
        let answer = sign_in(master, name, password).send().await.unwrap();
        assert_eq!(answer.status(), 204, "{name}: {}", answer.text().await.unwrap());
        Self::of(&answer)
    }

    /// Takes the cookie of an answer.
    fn of(answer: &Response) -> Self {
        let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        Self { cookie: set.split(';').next().unwrap().to_owned() }
    }

    /// Makes a request as a page of the master does.
    pub(crate) fn request(&self, master: &Master, method: Method, path: &str) -> RequestBuilder {
        self.bare(master, method, path).header("x-easysight-request", "console")
    }

    /// Makes a request with the cookie only.
    fn bare(&self, master: &Master, method: Method, path: &str) -> RequestBuilder {
        master.request(method, path).header(header::COOKIE, &self.cookie)
    }

    /// Returns the status of a request that reads.
    async fn reads(&self, master: &Master) -> u16 {
        read(self.request(master, Method::GET, CAMERAS)).await.0
    }
}

fn sign_in(master: &Master, name: &str, password: &str) -> RequestBuilder {
    master.request(Method::POST, SESSION).json(&json!({"name": name, "password": password}))
}

/// Makes a user with the rights of `master.token`, or of anybody if the master is open. Returns the user's id.
async fn add_user(master: &Master, name: &str, scope: &str) -> String {
    let user = json!({"name": name, "scope": scope, "password": PASSWORD});
    let (status, made) = master.post("/api/v1/users", &user).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Starts a master with an administrator, whose browser it returns.
pub(crate) async fn with_admin() -> (Master, Browser) {
    let master = Master::start();
    add_user(&master, "Ada", "admin").await;
    let ada = Browser::sign_in(&master, "Ada", PASSWORD).await;
    (master, ada)
}

pub(crate) async fn add_user_by(browser: &Browser, master: &Master, name: &str, scope: &str) -> String {
    let user = json!({"name": name, "scope": scope, "password": PASSWORD});
    let (status, made) = read(browser.request(master, Method::POST, "/api/v1/users").json(&user)).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Changes the database of a stopped master. Returns the number of changed rows.
async fn change_database(master: Master, sql: &'static str) -> (Arc<tempfile::TempDir>, u64) {
    let data = Arc::clone(&master.data);
    let Master { mut running, .. } = master;
    running.stop().await;
    let file = data.path().join("master.db");
    let mut database = sqlx::SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    let changed = sqlx::query(sql).execute(&mut database).await.unwrap().rows_affected();
    database.close().await.unwrap();
    (data, changed)
}

/// A browser sends all cookies of a host to each of its ports and paths.
#[tokio::test]
async fn masters_of_one_host_do_not_take_each_other_s_sessions() {
    let (first, ada) = with_admin().await;
    let (second, bob) = with_admin().await;
    let name = |browser: &Browser| browser.cookie.split_once('=').unwrap().0.to_owned();
    assert!(name(&ada).starts_with("easysight_session_"), "{}", name(&ada));
    assert_ne!(name(&ada), name(&bob));
    let both = Browser { cookie: format!("{}; {}", ada.cookie, bob.cookie) };
    assert_eq!((both.reads(&first).await, both.reads(&second).await), (200, 200));
    assert_eq!((bob.reads(&first).await, ada.reads(&second).await), (401, 401));
    // A sign-out removes only the cookie of its own master.
    let left = both.request(&second, Method::DELETE, SESSION).send().await.unwrap();
    let removed = left.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(removed.starts_with(&format!("{}=;", name(&bob))), "{removed}");
    assert_eq!((both.reads(&first).await, both.reads(&second).await), (200, 401));
    // The name belongs to the database, so it is the same after a restart.
    let data = Arc::clone(&first.data);
    let Master { mut running, .. } = first;
    running.stop().await;
    let first = Master::start_in(data, "127.0.0.1:0", &[]);
    assert_eq!(both.reads(&first).await, 200);
    assert_eq!(name(&Browser::sign_in(&first, "Ada", PASSWORD).await), name(&ada));
}

#[tokio::test]
async fn the_first_user_closes_an_open_master_and_scopes_hold() {
    let mut master = Master::start();
    let anybody = master.get(SESSION).await;
    assert_eq!((&anybody["identity"], &anybody["open"]), (&json!("anybody"), &json!(true)));
    add_user(&master, "Ada", "admin").await;
    assert_eq!(read(master.request(Method::GET, CAMERAS)).await.0, 401);
    assert_eq!(read(master.request(Method::GET, SESSION)).await.0, 401);
    // The comparison of names ignores case and white space around the name.
    let ada = Browser::sign_in(&master, " aDA ", PASSWORD).await;
    let (_, about) = read(ada.request(&master, Method::GET, SESSION)).await;
    assert_eq!(
        (&about["identity"], &about["name"], &about["scope"]),
        (&json!("user"), &json!("Ada"), &json!("admin"))
    );
    assert_eq!((&about["open"], &about["idle_s"]), (&json!(false), &json!(43_200)));
    let vera = add_user_by(&ada, &master, "Vera", "viewer").await;
    let viewer = Browser::sign_in(&master, "Vera", PASSWORD).await;
    assert_eq!(viewer.reads(&master).await, 200);
    let camera = json!({"name": "gate", "source": "rtsp://10.0.0.1/live"});
    let (status, refused) = read(viewer.request(&master, Method::POST, CAMERAS).json(&camera)).await;
    assert_eq!((status, &refused["type"]), (403, &json!("/problems/forbidden")));
    assert!(refused["detail"].as_str().unwrap().contains("the user `Vera`"), "{refused}");
    assert_eq!(read(viewer.request(&master, Method::GET, "/api/v1/users")).await.0, 403);
    // A new scope applies to the open session too.
    let path = format!("/api/v1/users/{vera}");
    let change = async |change: Value| read(ada.request(&master, Method::PATCH, &path).json(&change)).await;
    assert_eq!(change(json!({"scope": "operator"})).await.0, 200);
    assert_eq!(read(viewer.request(&master, Method::POST, CAMERAS).json(&camera)).await.0, 201);
    let (status, refused) = change(json!({"scope": "worker"})).await;
    assert_eq!((status, &refused["field"]), (422, &json!("/scope")));
    // A disabled user loses access at once, and cannot sign in again.
    assert_eq!(change(json!({"disabled": true})).await.0, 200);
    assert_eq!(viewer.reads(&master).await, 401);
    let (status, refused) = read(sign_in(&master, "Vera", PASSWORD)).await;
    assert_eq!((status, &refused["type"]), (401, &json!("/problems/wrong-password")));
    let (_, users) = read(ada.request(&master, Method::GET, "/api/v1/users")).await;
    assert_eq!(users[1]["disabled"], json!(true), "{users}");
    assert_eq!(read(ada.request(&master, Method::DELETE, &path)).await.0, 204);
    // Neither the log nor the database contains a password or the secret of a session.
    master.running.stop().await;
    let log = master.running.log();
    assert!(log.contains("a sign-in failed") && log.contains("signed in"), "{log}");
    let secret = ada.cookie.rsplit('_').next().unwrap();
    for hidden in [PASSWORD, secret] {
        assert!(!log.contains(hidden));
        for file in std::fs::read_dir(master.data.path()).unwrap().map(|file| file.unwrap().path()) {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
            assert!(!found, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn a_cookie_changes_nothing_without_a_page_of_this_master() {
    let (master, ada) = with_admin().await;
    let camera = json!({"id": "gate", "name": "gate", "source": "rtsp://10.0.0.1/live"});
    // A form of another site: the browser adds the cookie, but a form cannot add the header.
    let forged = ada.bare(&master, Method::POST, CAMERAS);
    let forged = forged.header(header::CONTENT_TYPE, "text/plain").body(camera.to_string());
    let (status, refused) = read(forged).await;
    assert_eq!((status, &refused["type"]), (403, &json!("/problems/missing-header")));
    let (status, refused) = read(ada.bare(&master, Method::POST, CAMERAS).json(&camera)).await;
    assert_eq!((status, &refused["type"]), (403, &json!("/problems/missing-header")));
    for origin in ["https://evil.example", "null"] {
        let foreign = ada.request(&master, Method::POST, CAMERAS).header(header::ORIGIN, origin);
        let (status, refused) = read(foreign.json(&camera)).await;
        assert_eq!((status, &refused["type"]), (403, &json!("/problems/foreign-origin")), "{origin}");
        let sign_in = sign_in(&master, "Ada", PASSWORD).header(header::ORIGIN, origin);
        assert_eq!(read(sign_in).await.0, 403, "{origin}");
        let close = ada.request(&master, Method::DELETE, SESSION).header(header::ORIGIN, origin);
        assert_eq!(read(close).await.0, 403, "{origin}");
    }
    // Before a script of another site may add the header, the browser asks the master for permission (CORS). The master
    // gives none.
    let asks = master.request(Method::OPTIONS, CAMERAS).header(header::ORIGIN, "https://evil.example");
    let asks = asks.header("access-control-request-method", "POST");
    let answer = asks.header("access-control-request-headers", "x-easysight-request").send().await.unwrap();
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
    let form = master.request(Method::POST, SESSION).header(header::CONTENT_TYPE, "text/plain");
    let form = form.body(json!({"name": "Ada", "password": PASSWORD}).to_string());
    assert_eq!(read(form).await.0, 415);
    let (_, cameras) = read(ada.request(&master, Method::GET, CAMERAS)).await;
    assert_eq!(cameras["items"], json!([]), "nothing was changed");
    assert_eq!(read(ada.bare(&master, Method::DELETE, SESSION)).await.0, 403);
    assert_eq!(ada.reads(&master).await, 200);
    let own = ada.request(&master, Method::POST, CAMERAS).header(header::ORIGIN, master.url());
    assert_eq!(read(own.json(&camera)).await.0, 201);
}

/// Scripts often send a password of digits as a number.
#[tokio::test]
async fn no_problem_repeats_a_password_or_an_address_of_a_wrong_type() {
    let (master, ada) = with_admin().await;
    for (method, path, body) in [
        (Method::POST, SESSION, json!({"name": "Ada", "password": 7_391_846_250_u64})),
        (
            Method::PUT,
            "/api/v1/session/password",
            json!({"old_password": 7_391_846_250_u64, "new_password": "x"}),
        ),
        (Method::POST, "/api/v1/users", json!({"name": "x", "scope": "7391846250", "password": PASSWORD})),
        (
            Method::POST,
            "/api/v1/users",
            json!({"name": "x", "scope": "viewer", "password": 7_391_846_250_u64}),
        ),
        (Method::POST, CAMERAS, json!({"name": "x", "source": 7_391_846_250_u64})),
        (Method::POST, CAMERAS, json!({"name": "x", "source": "rtsp://a/", "groups": "rtsp:u:7391846250"})),
        (Method::POST, "/api/v1/diagnosis/submissions", json!({"source": 7_391_846_250_u64})),
        (Method::POST, "/api/v1/welcome", json!({"secret": 7_391_846_250_u64})),
    ] {
        let (status, problem) = read(ada.request(&master, method.clone(), path).json(&body)).await;
        assert_eq!(status, 400, "{method} {path}: {problem}");
        assert!(!problem.to_string().contains("7391846250"), "{method} {path}: {problem}");
    }
}

#[tokio::test]
async fn scripts_do_not_see_the_cookie_and_other_sites_do_not_get_it() {
    let (master, _) = with_admin().await;
    let cookie = async |protocol: &str| {
        let request = sign_in(&master, "Ada", PASSWORD).header("x-forwarded-proto", protocol);
        let answer = request.send().await.unwrap();
        answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
    };
    let http = cookie("http").await;
    assert!(http.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{http}");
    assert!(cookie("https").await.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"));
}

#[tokio::test]
async fn the_cookie_of_a_token_still_reads_only() {
    let mut master = Master::start();
    let (_, token) = master.post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})).await;
    master.token = token["token"].as_str().map(str::to_owned);
    let opened = master.request(Method::POST, SESSION).send().await.unwrap();
    assert_eq!(opened.status(), 204);
    let browser = Browser::of(&opened);
    let (_, about) = read(master.request(Method::GET, SESSION)).await;
    assert_eq!((&about["identity"], &about["id"]), (&json!("token"), &token["id"]));
    let (status, refused) = read(master.request(Method::DELETE, "/api/v1/session/all")).await;
    assert_eq!((status, &refused["type"]), (409, &json!("/problems/no-session")));
    master.token = None;
    assert_eq!(browser.reads(&master).await, 200);
    let camera = json!({"name": "gate", "source": "rtsp://10.0.0.1/live"});
    assert_eq!(read(browser.request(&master, Method::POST, CAMERAS).json(&camera)).await.0, 401);
    assert_eq!(read(browser.request(&master, Method::DELETE, SESSION)).await.0, 204);
}

/// Signs in with wrong passwords until the master refuses to compare another one. Returns the last answer.
async fn guess(master: &Master, name: &str, address: &str) -> Response {
    for _ in 0..20 {
        let wrong = sign_in(master, name, "not the password").header("x-forwarded-for", address);
        let answer = wrong.send().await.unwrap();
        if answer.status() == 429 {
            return answer;
        }
        assert_eq!(answer.status(), 401);
    }
    panic!("20 wrong passwords, and no delay");
}

#[tokio::test]
async fn the_first_user_is_an_administrator_and_a_master_behind_a_proxy_is_never_open() {
    let master = Master::start();
    let user = json!({"name": "Vera", "scope": "viewer", "password": PASSWORD});
    let (status, refused) = master.post("/api/v1/users", &user).await;
    assert_eq!((status, &refused["field"]), (422, &json!("/scope")), "{refused}");
    assert_eq!(read(master.request(Method::GET, CAMERAS)).await.0, 200, "the master is still open");
    let data = Arc::new(tempfile::tempdir().unwrap());
    let master = Master::start_in(data, "127.0.0.1:0", &["--trusted-proxies", "127.0.0.1"]);
    master.running.says(&["/#/welcome/"]).await;
    assert_eq!(read(master.request(Method::GET, CAMERAS)).await.0, 401);
}

#[tokio::test]
async fn guesses_are_delayed_also_after_a_restart_and_the_person_is_not() {
    let (master, _) = with_admin().await;
    let (data, _) = change_database(master, "DELETE FROM sign_ins").await;
    let flags = ["--trusted-proxies", "127.0.0.1,10.0.0.0/8"];
    let master = Master::start_in(data, "127.0.0.1:0", &flags);
    let (_, wrong) = read(sign_in(&master, "Ada", "not the password")).await;
    let (_, unknown) = read(sign_in(&master, "Nobody", PASSWORD)).await;
    assert_eq!(wrong, unknown, "an answer does not tell whether a name exists");
    let refused = guess(&master, "Ada", "203.0.113.9").await;
    let seconds: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds), "{seconds}");
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["type"], json!("/problems/too-many-sign-ins"));
    assert_eq!(guess(&master, "Nobody", "203.0.113.9").await.status(), 429);
    // The delay applies to the name and the address together. Invented addresses in the header do not avoid it.
    assert_eq!(guess(&master, "Ada", "198.51.100.7, 203.0.113.9, 10.0.0.3").await.status(), 429);
    let at_home = sign_in(&master, "Ada", PASSWORD).header("x-forwarded-for", "203.0.113.10");
    assert_eq!(read(at_home).await.0, 204);
    // With so many failures, the delay is much longer than a restart takes.
    let many = "UPDATE sign_ins SET failures = 14 WHERE failures >= 5";
    let (data, changed) = change_database(master, many).await;
    assert!(changed >= 1, "{changed}");
    let master = Master::start_in(data, "127.0.0.1:0", &flags);
    let right = sign_in(&master, "Ada", PASSWORD).header("x-forwarded-for", "203.0.113.9");
    let answer = right.send().await.unwrap();
    assert_eq!(answer.status(), 429, "the right password must wait too");
    let at_home = sign_in(&master, "Ada", PASSWORD).header("x-forwarded-for", "203.0.113.10");
    assert_eq!(read(at_home).await.0, 204);
    // After the delay, the right password resets the failures.
    let past = "UPDATE sign_ins SET failed_at = failed_at - 3600000";
    let (data, _) = change_database(master, past).await;
    let master = Master::start_in(data, "127.0.0.1:0", &flags);
    for _ in 0..3 {
        let right = sign_in(&master, "Ada", PASSWORD).header("x-forwarded-for", "203.0.113.9");
        assert_eq!(read(right).await.0, 204);
    }
}

#[tokio::test]
async fn a_header_of_anybody_names_no_address() {
    let (master, _) = with_admin().await;
    // Each guess names another client address, but no proxy is trusted, so the header does not count.
    let mut last = 0;
    for at in 0..20 {
        let wrong = sign_in(&master, "Ada", "not the password");
        last = read(wrong.header("x-forwarded-for", format!("203.0.113.{at}"))).await.0;
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
    master.running.says(&["a proxy that is not in --trusted-proxies"]).await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
    for over in [
        "UPDATE sessions SET used_at = used_at - 12 * 3600000",
        "UPDATE sessions SET expires_at = expires_at - 7 * 86400000",
    ] {
        let (master, ada) = with_admin().await;
        let events = ada.request(&master, Method::GET, "/api/v1/events").send().await.unwrap();
        assert_eq!(events.status(), 200);
        drop(events);
        let (data, changed) = change_database(master, over).await;
        assert_eq!(changed, 1);
        let master = Master::start_in(data, "127.0.0.1:0", &[]);
        let (status, refused) = read(ada.request(&master, Method::GET, CAMERAS)).await;
        assert_eq!((status, &refused["type"]), (401, &json!("/problems/unauthorized")), "{over}");
        let again = Browser::sign_in(&master, "Ada", PASSWORD).await;
        assert_eq!(again.reads(&master).await, 200);
    }
}

#[tokio::test]
async fn people_sign_out_here_and_everywhere_and_events_end() {
    let (master, office) = with_admin().await;
    let home = Browser::sign_in(&master, "Ada", PASSWORD).await;
    let phone = Browser::sign_in(&master, "Ada", PASSWORD).await;
    add_user_by(&office, &master, "Bea", "viewer").await;
    let bea = Browser::sign_in(&master, "Bea", PASSWORD).await;
    let closed = phone.request(&master, Method::DELETE, SESSION).send().await.unwrap();
    assert_eq!(closed.status(), 204);
    assert!(closed.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!((phone.reads(&master).await, home.reads(&master).await), (401, 200));
    // A browser may keep the cookie of a session that has ended. The cookie can still be removed.
    assert_eq!(read(phone.request(&master, Method::DELETE, SESSION)).await.0, 204);
    let mut events = home.request(&master, Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(events.status(), 200);
    assert_eq!(read(office.request(&master, Method::DELETE, "/api/v1/session/all")).await.0, 204);
    assert_eq!((home.reads(&master).await, office.reads(&master).await), (401, 401));
    let ended = async {
        let mut all = Vec::new();
        while let Some(chunk) = events.chunk().await.unwrap() {
            all.extend_from_slice(&chunk);
        }
        String::from_utf8(all).unwrap()
    };
    let sent = tokio::time::timeout(PATIENCE, ended).await.expect("the stream ends");
    // Whoever comes back with another area reads everything again.
    assert!(sent.trim_end().ends_with(r#"data: {"kind":"missed","events":0}"#), "{sent}");
    assert_eq!(bea.reads(&master).await, 200);
    // Signing in again in the same browser ends the previous session of this browser.
    let request = sign_in(&master, "Ada", PASSWORD).header(header::COOKIE, &bea.cookie);
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert_eq!(bea.reads(&master).await, 401);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let (master, office) = with_admin().await;
    let home = Browser::sign_in(&master, "Ada", PASSWORD).await;
    let change = async |old: &str, new: &str| {
        let change = json!({"old_password": old, "new_password": new});
        read(office.request(&master, Method::PUT, "/api/v1/session/password").json(&change)).await
    };
    let (status, refused) = change("not the password", "a new password").await;
    assert_eq!((status, &refused["field"]), (422, &json!("/old_password")));
    let (status, refused) = change(PASSWORD, "too short").await;
    assert_eq!((status, &refused["field"]), (422, &json!("/new_password")));
    assert_eq!(home.reads(&master).await, 200);
    assert_eq!(change(PASSWORD, "a new password").await.0, 204);
    assert_eq!((office.reads(&master).await, home.reads(&master).await), (200, 401));
    assert_eq!(read(sign_in(&master, "Ada", PASSWORD)).await.0, 401);
    let home = Browser::sign_in(&master, "Ada", "a new password").await;
    // An administrator sets the password of another person.
    let bea = add_user_by(&home, &master, "Bea", "viewer").await;
    let browser = Browser::sign_in(&master, "Bea", PASSWORD).await;
    let set = home.request(&master, Method::PATCH, &format!("/api/v1/users/{bea}"));
    assert_eq!(read(set.json(&json!({"password": "chosen for Bea"}))).await.0, 200);
    assert_eq!(browser.reads(&master).await, 401);
    Browser::sign_in(&master, "Bea", "chosen for Bea").await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (mut master, ada) = with_admin().await;
    let (_, about) = read(ada.request(&master, Method::GET, SESSION)).await;
    let path = format!("/api/v1/users/{}", about["id"].as_str().unwrap());
    for change in [json!({"disabled": true}), json!({"scope": "viewer"})] {
        let (status, refused) = read(ada.request(&master, Method::PATCH, &path).json(&change)).await;
        assert_eq!((status, &refused["type"]), (409, &json!("/problems/last-administrator")), "{change}");
    }
    assert_eq!(read(ada.request(&master, Method::DELETE, &path)).await.0, 409);
    let taken = json!({"name": "ADA", "scope": "viewer", "password": PASSWORD});
    let (status, refused) = read(ada.request(&master, Method::POST, "/api/v1/users").json(&taken)).await;
    assert_eq!((status, &refused["field"]), (409, &json!("/name")), "{refused}");
    let token = json!({"name": "key", "scope": "admin"});
    let (_, token) = read(ada.request(&master, Method::POST, "/api/v1/tokens").json(&token)).await;
    assert_eq!(read(ada.request(&master, Method::DELETE, &path)).await.0, 204);
    assert_eq!(ada.reads(&master).await, 401);
    master.token = token["token"].as_str().map(str::to_owned);
    assert_eq!(master.get("/api/v1/users").await, json!([]));
}

/// For every operation, a user may do what the holder of a token with the same scope may do.
#[tokio::test]
async fn a_user_may_do_what_a_token_of_the_same_scope_may_do() {
    let mut master = Master::start();
    let whole = master.get("/api/openapi.json").await;
    let mut operations = Vec::new();
    for (path, methods) in whole["paths"].as_object().unwrap() {
        // These requests need no credentials, or end the session.
        let own = [SESSION, "/api/v1/session/all", "/api/v1/welcome"].contains(&path.as_str());
        for method in methods.as_object().unwrap().keys().filter(|_| !own) {
            let filled: Vec<_> =
                path.split('/').map(|part| if part.starts_with('{') { "none" } else { part }).collect();
            operations.push((method.to_uppercase().parse::<Method>().unwrap(), filled.join("/")));
        }
    }
    assert!(operations.len() > 40, "{operations:?}");
    let (_, admin) = master.post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})).await;
    master.token = admin["token"].as_str().map(str::to_owned);
    let mut allowed = Vec::new();
    for scope in ["admin", "operator", "viewer", "publisher"] {
        let (_, token) = master.post("/api/v1/tokens", &json!({"name": scope, "scope": scope})).await;
        add_user(&master, scope, scope).await;
        let administrator = master.token.take();
        let browser = Browser::sign_in(&master, scope, PASSWORD).await;
        let mut count = 0;
        for (method, path) in &operations {
            let bearer = master.request(method.clone(), path).bearer_auth(token["token"].as_str().unwrap());
            let by_token = bearer.send().await.unwrap().status().as_u16();
            let by_user =
                browser.request(&master, method.clone(), path).send().await.unwrap().status().as_u16();
            assert_eq!(by_user == 403, by_token == 403, "{scope} {method} {path}: {by_user}, {by_token}");
            assert!(by_user != 401 && by_token != 401, "{scope} {method} {path}: {by_user}, {by_token}");
            if by_user != 403 {
                count += 1;
                let administers = path.starts_with("/api/v1/users") || path.starts_with("/api/v1/tokens");
                assert!(scope == "admin" || !administers, "{scope} {method} {path}");
                let own = path == "/api/v1/session/password" || path.contains("/camera-filters");
                assert!(scope != "viewer" || own || method == Method::GET, "{scope} {method} {path}");
            }
            let anybody = read(master.request(method.clone(), path)).await.0;
            assert_eq!(anybody, 401, "{method} {path}");
        }
        allowed.push(count);
        master.token = administrator;
    }
    let [admin, operator, viewer, publisher] = allowed[..] else { panic!("{allowed:?}") };
    assert!(admin == operations.len() && admin > operator && operator > viewer && viewer > 10, "{allowed:?}");
    assert!(publisher > 5 && publisher < operator, "{allowed:?}");
}

#[tokio::test]
async fn a_master_without_anybody_logs_a_link_for_the_first_administrator() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let mut master = Master::start_in(Arc::clone(&data), "0.0.0.0:0", &[]);
    let line = master.running.says(&["/#/welcome/"]).await;
    let secret = line.split("/#/welcome/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(read(master.request(Method::GET, CAMERAS)).await.0, 401);
    let welcome = async |master: &Master, secret: &str, password: &str| {
        let body = json!({"secret": secret, "name": "Ada", "password": password});
        master.request(Method::POST, "/api/v1/welcome").json(&body).send().await.unwrap()
    };
    assert_eq!(welcome(&master, "guessed", PASSWORD).await.status(), 404);
    assert_eq!(welcome(&master, &secret, "short").await.status(), 422);
    let welcomed = welcome(&master, &secret, PASSWORD).await;
    assert_eq!(welcomed.status(), 204);
    let ada = Browser::of(&welcomed);
    let (_, about) = read(ada.request(&master, Method::GET, SESSION)).await;
    assert_eq!((&about["name"], &about["scope"]), (&json!("Ada"), &json!("admin")));
    assert_eq!(welcome(&master, &secret, PASSWORD).await.status(), 404);
    let page = audit(&master, &ada).await;
    assert_eq!(told(&page), ["- session.open", "- user.create"]);
    assert!(!page.to_string().contains(PASSWORD), "{page}");
    master.running.stop().await;
    let mut again = Master::start_in(data, "0.0.0.0:0", &[]);
    assert_eq!(ada.reads(&again).await, 200);
    again.running.stop().await;
    assert!(!again.running.log().contains("/#/welcome/"));
}
