use std::thread;

use easysight_protocol::NodeChange;

use super::*;

fn node(name: impl Into<String>) -> Event {
    Event::Node { node_id: name.into(), change: NodeChange::Registered }
}

fn events() -> Events {
    Events::new("start".into())
}

/// Everything that a follower hears without waiting: the names of nodes, and the numbers of missed events.
fn heard(listener: &mut Listener) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(heard) = listener.try_next() {
        all.push(word(&heard));
    }
    all
}

fn word(heard: &Heard) -> String {
    match heard {
        Heard::Missed(events) => format!("missed {events}"),
        Heard::Event(sent) => match serde_json::from_str(&sent.json).unwrap() {
            Event::Node { node_id, .. } => node_id,
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn a_follower_continues_at_the_place_that_it_had() {
    let events = events();
    events.tell(&node("before"));
    let mut first = events.listen();
    events.tell(&node("a"));
    events.tell(&node("b"));
    let Some(Heard::Event(a)) = first.try_next() else { panic!("nothing was heard") };
    let id = first.id(a.place());
    assert_eq!(id, first.id(first.place()));
    drop(first);
    events.tell(&node("c"));
    let mut again = events.listen_from(&id).unwrap();
    assert_eq!(heard(&mut again), ["b", "c"]);
    // If nothing was missed, nothing is sent.
    let id = again.id(again.place());
    assert!(heard(&mut events.listen_from(&id).unwrap()).is_empty());
}

#[test]
fn a_place_of_another_start_or_of_none_is_not_continued() {
    let events = events();
    events.tell(&node("a"));
    let other = Events::new("other".into());
    other.tell(&node("a"));
    let foreign = other.listen();
    let foreign = foreign.id(foreign.place());
    for id in [foreign.as_str(), "", "start", "start-", "start-x", "start-2", "start--1", "start-1-1", "1"] {
        assert!(events.listen_from(id).is_none(), "{id}");
    }
    for id in ["start-0", "start-1"] {
        assert!(events.listen_from(id).is_some(), "{id}");
    }
}

#[test]
fn the_number_of_missed_events_is_exact() {
    let events = events();
    let mut slow = events.listen();
    for number in 0..MOST_EVENTS + 5 {
        events.tell(&node(number.to_string()));
    }
    let all = heard(&mut slow);
    assert_eq!(all[0], "missed 5");
    assert_eq!((all.len(), all[1].as_str()), (MOST_EVENTS + 1, "5"));
    let away = heard(&mut events.listen_from("start-2").unwrap());
    assert_eq!((away.len(), away[0].as_str(), away[1].as_str()), (MOST_EVENTS + 1, "missed 3", "5"));
}

#[test]
fn large_events_do_not_fill_the_memory() {
    let events = events();
    let mut slow = events.listen();
    let large = "x".repeat(MOST_BYTES / 4);
    for number in 0..10 {
        events.tell(&node(format!("{number}{large}")));
        assert!(events.shared.kept.lock().bytes <= MOST_BYTES);
    }
    let all = heard(&mut slow);
    assert_eq!((all[0].as_str(), all.len()), ("missed 7", 4));
    // An event that is too large itself counts as missed.
    events.tell(&node("x".repeat(MOST_BYTES)));
    events.tell(&node("small"));
    assert_eq!(heard(&mut slow), ["missed 1", "small"]);
    let kept = events.shared.kept.lock();
    assert_eq!(kept.bytes, kept.events.iter().map(|sent| sent.json.len()).sum::<usize>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_while_a_follower_comes_and_goes() {
    const ALL: usize = 3_000;
    let events = Arc::new(events());
    let mut id = events.listen().id(Place(0));
    let sender = {
        let events = events.clone();
        thread::spawn(move || (0..ALL).for_each(|number| events.tell(&node(number.to_string()))))
    };
    let mut all = Vec::new();
    while all.len() < ALL {
        // Each connection hears a few events, some of them kept and some of them new.
        let mut listener = events.listen_from(&id).unwrap();
        for _ in 0..(all.len() % 7 + 1).min(ALL - all.len()) {
            all.push(word(&listener.next().await));
        }
        id = listener.id(listener.place());
    }
    sender.join().unwrap();
    let wanted: Vec<String> = (0..ALL).map(|number| number.to_string()).collect();
    assert_eq!(all, wanted);
}

#[tokio::test]
async fn a_follower_that_stops_waiting_loses_nothing() {
    let events = events();
    let mut listener = events.listen();
    // The first poll finds nothing, and the wait is given up.
    assert!(futures::FutureExt::now_or_never(listener.next()).is_none());
    events.tell(&node("a"));
    assert_eq!(word(&listener.next().await), "a");
}

/// A finding as a client sees it.
fn finding(run: RunId) -> Event {
    let finding = serde_json::json!({"id": "f", "job_id": RunId::fresh(), "run_id": run, "task_id": "night",
        "camera_id": "gate", "node_id": "n", "captured_at": "2026-01-01T00:00:00Z",
        "recorded_at": "2026-01-01T00:00:01Z", "diagnosis": "freeze", "status": "error", "score": 12.5,
        "decision": null, "message": {"zh": "画面冻结", "en": "frozen"}, "failure": null, "fuel": 1,
        "compute_ms": 1.5, "plugin": "freeze@1.0.0", "digest": null});
    Event::Finding { finding: Box::new(serde_json::from_value(finding).unwrap()) }
}

#[test]
fn only_the_task_is_taken_out_of_a_finding() {
    let events = events();
    let run = RunId::fresh();
    let mut listener = events.listen();
    events.tell(&finding(run));
    let Some(Heard::Event(sent)) = listener.try_next() else { panic!("nothing was heard") };
    assert_eq!(sent.subject, Subject::Finding { camera: Some("gate".into()), run });
    let hidden = sent.without_task().unwrap();
    assert_eq!((hidden.place(), hidden.kind, &hidden.subject), (sent.place(), sent.kind, &sent.subject));
    let (Event::Finding { finding: before }, Event::Finding { finding: after }) =
        (serde_json::from_str(&sent.json).unwrap(), serde_json::from_str(&hidden.json).unwrap())
    else {
        panic!("{}", hidden.json);
    };
    assert_eq!((before.task_id.as_deref(), &after.task_id), (Some("night"), &None));
    assert_eq!(easysight_protocol::DiagnosisResult { task_id: None, ..*before }, *after);
}

#[test]
fn an_event_is_about_what_decides_who_may_see_it() {
    let run = RunId::fresh();
    let change = easysight_protocol::RunChange::Created;
    assert_eq!(Subject::of(&Event::Run { run_id: run, change }), Subject::Run(run));
    assert_eq!(Subject::of(&node("n")), Subject::Other);
}
