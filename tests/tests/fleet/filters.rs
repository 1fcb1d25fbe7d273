//! Saved filters of the list of cameras, as clients see them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    process::{Master, read},
    shared::Database,
    users::{Browser, PASSWORD, add_user_by, with_admin},
};

const FILTERS: &str = "/api/v1/diagnosis/camera-filters";

fn one(filter: &Value) -> String {
    format!("{FILTERS}/{}", filter["id"].as_str().unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// Saves, renames and deletes filters on a master that needs no credentials.
async fn saves_renames_and_deletes(master: &Master) {
    assert_eq!(master.get(FILTERS).await, json!([]));
    let filter = json!({"q": "东门 gate", "health": "offline", "group": "Yard", "cause": "freeze", "sort": "-name",
        "view": "wall"});
    let (status, yard) = master.post(FILTERS, &json!({"name": " Yard, offline ", "filter": filter})).await;
    assert_eq!((status, &yard["name"], &yard["filter"]), (201, &json!("Yard, offline"), &filter), "{yard}");
    let (status, all) = master.post(FILTERS, &json!({"name": "All"})).await;
    assert_eq!((status, &all["filter"]), (201, &json!({})), "{all}");
    assert_eq!(names(&master.get(FILTERS).await), ["All", "Yard, offline"]);

    let (status, taken) = master.post(FILTERS, &json!({"name": "All"})).await;
    assert_eq!((status, &taken["field"]), (409, &json!("/name")), "{taken}");
    let put = |filter: &Value, body: Value| read(master.request(Method::PUT, &one(filter)).json(&body));
    let (status, taken) = put(&yard, json!({"name": "All"})).await;
    assert_eq!((status, &taken["field"]), (409, &json!("/name")), "{taken}");
    let (status, renamed) = put(&yard, json!({"name": "Yard", "filter": {"group": "Yard"}})).await;
    assert_eq!((status, &renamed["filter"]), (200, &json!({"group": "Yard"})), "{renamed}");
    assert_eq!(renamed["created_at"], yard["created_at"]);
    let list = master.get(FILTERS).await;
    assert_eq!(list.as_array().unwrap(), &[all.clone(), renamed]);

    let delete = || read(master.request(Method::DELETE, &one(&all)));
    assert_eq!((delete().await.0, delete().await.0), (204, 404));
    assert_eq!(put(&all, json!({"name": "All"})).await.0, 404);
    // The filter comes back as it was.
    assert_eq!(master.post(FILTERS, &json!({"name": "All", "filter": all["filter"]})).await.0, 201);
    assert_eq!(names(&master.get(FILTERS).await), ["All", "Yard"]);
}

#[tokio::test]
async fn filters_are_saved_renamed_and_deleted_on_sqlite() {
    saves_renames_and_deletes(&Master::start()).await;
}

#[tokio::test]
async fn filters_are_saved_renamed_and_deleted_on_postgres() {
    let Some(database) = Database::new() else { return };
    let flags = ["--database-url", &database.url()];
    let data = std::sync::Arc::new(tempfile::tempdir().unwrap());
    saves_renames_and_deletes(&Master::start_in(data, "127.0.0.1:0", &flags)).await;
}

#[tokio::test]
async fn what_is_no_filter_is_refused_at_its_field() {
    let master = Master::start();
    for (body, field) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "x".repeat(81)}), "/name"),
        (json!({"name": "a", "filter": {"q": "x".repeat(1_001)}}), "/filter/q"),
        (json!({"name": "a", "filter": {"group": "x".repeat(201)}}), "/filter/group"),
        (json!({"name": "a", "filter": {"sort": "a\u{7}b"}}), "/filter/sort"),
        (json!({"name": "a", "filter": {"page": "2"}}), "/filter/page"),
        (json!({"name": "a", "owner": "someone"}), "/owner"),
    ] {
        let (status, refused) = master.post(FILTERS, &body).await;
        assert!((400..500).contains(&status), "{status} {refused}");
        assert_eq!(refused["field"], json!(field), "{body} {refused}");
    }
    for at in 0..50 {
        assert_eq!(master.post(FILTERS, &json!({"name": format!("{at}")})).await.0, 201);
    }
    let (status, refused) = master.post(FILTERS, &json!({"name": "one more"})).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("delete one first"), "{refused}");
}

#[tokio::test]
async fn filters_belong_to_their_owner() {
    let (mut master, ada) = with_admin().await;
    let id = add_user_by(&ada, &master, "Vera", "viewer").await;
    let vera = Browser::sign_in(&master, "Vera", PASSWORD).await;
    let send = |browser: &Browser, method: Method, path: &str| browser.request(&master, method, path);
    // A viewer may save filters. On another machine they are there again.
    let (status, hers) = read(send(&vera, Method::POST, FILTERS).json(&json!({"name": "Gates"}))).await;
    assert_eq!(status, 201, "{hers}");
    let elsewhere = Browser::sign_in(&master, "Vera", PASSWORD).await;
    assert_eq!(names(&read(send(&elsewhere, Method::GET, FILTERS)).await.1), ["Gates"]);
    // Nobody else sees or changes them, not even an administrator, who may use the same name.
    assert_eq!(read(send(&ada, Method::GET, FILTERS)).await.1, json!([]));
    let renamed = json!({"name": "Mine"});
    assert_eq!(read(send(&ada, Method::PUT, &one(&hers)).json(&renamed)).await.0, 404);
    assert_eq!(read(send(&ada, Method::DELETE, &one(&hers))).await.0, 404);
    assert_eq!(read(send(&ada, Method::POST, FILTERS).json(&json!({"name": "Gates"}))).await.0, 201);
    assert_eq!(names(&read(send(&vera, Method::GET, FILTERS)).await.1), ["Gates"]);
    // They end with the user.
    assert_eq!(read(send(&ada, Method::DELETE, &format!("/api/v1/users/{id}"))).await.0, 204);
    assert_eq!(names(&read(send(&ada, Method::GET, FILTERS)).await.1), ["Gates"]);

    let token = json!({"name": "wall", "scope": "viewer"});
    let (status, made) = read(send(&ada, Method::POST, "/api/v1/tokens").json(&token)).await;
    assert_eq!(status, 201, "{made}");
    master.token = made["token"].as_str().map(str::to_owned);
    assert_eq!(master.get(FILTERS).await, json!([]));
    assert_eq!(master.post(FILTERS, &json!({"name": "Wall"})).await.0, 201);
    assert_eq!(names(&master.get(FILTERS).await), ["Wall"]);
    // A token for other purposes has none.
    master.token = None;
    let token = json!({"name": "node", "scope": "worker"});
    let (_, made) = read(ada.request(&master, Method::POST, "/api/v1/tokens").json(&token)).await;
    master.token = made["token"].as_str().map(str::to_owned);
    assert_eq!(read(master.request(Method::GET, FILTERS)).await.0, 403);
}
