//! The next starts of a schedule, as clients see them.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    process::{Master, read},
    programs::program,
};

const NEXT: &str = "/api/v1/diagnosis/schedules/next";
const TASKS: &str = "/api/v1/diagnosis/tasks";

async fn next(master: &Master, query: &[(&str, &str)]) -> (u16, Value) {
    read(master.request(Method::GET, NEXT).query(query)).await
}

fn times(answer: &Value) -> Vec<DateTime<Utc>> {
    answer["starts"].as_array().unwrap().iter().map(|at| at.as_str().unwrap().parse().unwrap()).collect()
}

fn easysight(master: &Master, arguments: &[&str]) -> (bool, String) {
    let mut command = program("easysight");
    command.args(["task", "next"]).args(arguments).args(["--master", master.url()]).env("COLUMNS", "200");
    let done = command.output().unwrap();
    (done.status.success(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
}

#[tokio::test]
async fn the_next_starts_are_those_at_which_the_task_will_run() {
    let master = Master::start();
    let cron = [("kind", "cron"), ("expression", "30 7 * * *"), ("time_zone", "Asia/Shanghai")];
    let (status, found) = next(&master, &cron).await;
    assert_eq!(status, 200, "{found}");
    let starts = times(&found);
    assert_eq!((starts.len(), &found["ends"], &found["per_day"]), (10, &json!(false), &json!(1.0)));
    assert!(starts.iter().all(|at| at.to_rfc3339().contains("T23:30:00")), "{found}");
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::days(1)), "{found}");
    let schedule = json!({"kind": "cron", "expression": "30 7 * * *", "time_zone": "Asia/Shanghai"});
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "schedule": schedule})).await;
    let task = master.get(&format!("{TASKS}/t")).await;
    assert_eq!(task["next_run_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), starts[0]);
    // Nothing was stored but the task.
    assert_eq!(master.get(TASKS).await["items"].as_array().unwrap().len(), 1);

    let (_, second) = next(&master, &[("kind", "interval"), ("every_s", "1"), ("count", "100")]).await;
    assert_eq!((times(&second).len(), &second["per_day"]), (100, &json!(86_400.0)));
    let (_, past) = next(&master, &[("kind", "once"), ("at", "2020-01-01T00:00:00Z")]).await;
    assert_eq!(past, json!({"starts": [], "ends": true, "per_day": 0.0}));
    let (_, manual) = next(&master, &[("kind", "manual")]).await;
    assert_eq!(manual, past);
}

#[tokio::test]
async fn a_schedule_is_refused_with_the_words_with_which_a_task_is_refused() {
    let master = Master::start();
    for schedule in [
        json!({"kind": "cron", "expression": "61 * * * *"}),
        json!({"kind": "cron", "expression": "0 0 30 2 *"}),
        json!({"kind": "cron", "expression": format!("{} * * * *", "0,".repeat(100))}),
        json!({"kind": "cron", "expression": "* * * * *", "time_zone": "Mars/Base"}),
        json!({"kind": "interval", "every_s": 0}),
        json!({"kind": "interval", "every_s": 31_536_001}),
    ] {
        let texts: Vec<(&str, String)> = schedule
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let query: Vec<(&str, &str)> = texts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, refused) = next(&master, &query).await;
        let task = json!({"name": "t", "groups": ["hall"], "schedule": schedule});
        let (of_task, wanted) = master.post(TASKS, &task).await;
        assert_eq!((status, of_task), (422, 422), "{refused} {wanted}");
        for part in ["type", "detail", "field"] {
            assert_eq!(refused[part], wanted[part], "{schedule}");
        }
        assert!(refused["field"].as_str().unwrap().starts_with("/schedule/"), "{refused}");
    }
    for (query, field) in [
        (vec![("kind", "cron")], "/schedule/expression"),
        (vec![("kind", "interval")], "/schedule/every_s"),
        (vec![("kind", "once")], "/schedule/at"),
        (vec![("kind", "manual"), ("every_s", "5")], "/schedule/every_s"),
        (vec![("kind", "cron"), ("expression", "* * * * *"), ("at", "2030-01-01T00:00:00Z")], "/schedule/at"),
    ] {
        let (status, refused) = next(&master, &query).await;
        assert_eq!((status, &refused["field"]), (422, &json!(field)), "{refused}");
    }
    for count in ["0", "101", "many"] {
        assert_eq!(next(&master, &[("kind", "manual"), ("count", count)]).await.0, 400, "{count}");
    }
}

#[tokio::test]
async fn the_command_line_shows_the_starts_of_a_task_and_of_a_schedule() {
    let master = Master::start();
    let (done, printed) = easysight(&master, &["--cron", "0 0 1 1 *", "--count", "2"]);
    assert!(done && printed.matches("-01-01T00:00:00Z").count() == 2, "{printed}");
    assert!(printed.contains("a start every 365 days on average"), "{printed}");
    let (done, printed) = easysight(&master, &["--cron", "0 0 30 2 *"]);
    assert!(!done && printed.contains("never matches any time"), "{printed}");

    master
        .add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "enabled": false,
        "schedule": {"kind": "interval", "every_s": 86_400}}))
        .await;
    let due = master.get(&format!("{TASKS}/t")).await["next_run_at"].as_str().unwrap().to_owned();
    let due: DateTime<Utc> = due.parse().unwrap();
    let (done, printed) = easysight(&master, &["t", "--format", "json"]);
    let found: Value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}"));
    assert!(
        done && times(&found).iter().all(|at| (*at - due).num_milliseconds() % 86_400_000 == 0),
        "{found}"
    );
    let (done, printed) = easysight(&master, &["t"]);
    assert!(
        done && printed.contains("a start a day on average") && printed.contains("the task is paused"),
        "{printed}"
    );
    master.add_task(json!({"id": "hand", "name": "hand", "groups": ["hall"]})).await;
    let (done, printed) = easysight(&master, &["hand"]);
    assert!(done && printed.contains("no start follows") && printed.contains("when submitted"), "{printed}");
    assert!(!easysight(&master, &["t", "--every", "5m"]).0);
    assert!(!easysight(&master, &[]).0);
}
