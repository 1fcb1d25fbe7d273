//! Tests the guarantees of the store on both databases.
#![cfg(test)]

mod areas;
mod audit;
mod clocks;
mod databases;
mod filters;
mod history;
mod leases;
mod lost;
mod measurements;
mod outages;
mod overview;
mod pictures;
mod remembering;
mod replays;
mod shadows;
mod simulation;
mod storms;
mod upgrades;
mod users;
mod versions;

use areas::{
    a_camera_with_hidden_groups_is_found_by_its_id_and_name_only, a_submission_is_seen_by_who_made_it,
    an_area_shows_its_cameras_and_hides_their_other_groups, an_area_shows_its_part_of_runs,
    an_area_shows_its_part_of_tasks_and_changes_only_its_own, an_area_shows_what_was_found_of_its_cameras,
    findings_do_not_name_a_task_that_names_nothing_of_the_area, nothing_outside_of_an_area_is_changed,
    only_operators_and_viewers_are_limited, the_census_of_an_area_counts_each_camera_once,
};
use audit::{
    a_change_has_an_entry_that_says_who_and_what, a_change_that_fails_leaves_no_entry,
    an_import_has_one_entry_with_what_was_written, no_secret_gets_into_the_audit_log,
    refused_sign_ins_share_an_entry_that_counts_them,
    runs_are_recorded_once_and_only_if_a_person_starts_them,
    the_audit_log_is_searched_alike_on_both_databases, the_audit_log_is_searched_paged_and_pruned,
    what_is_removed_stays_in_the_audit_log,
};
use clocks::{
    a_task_runs_at_the_times_that_a_clock_ahead_has_used_up, a_token_holds_for_as_long_as_it_was_made_for,
    deadlines_move_with_a_clock_that_jumps, what_a_clock_that_was_ahead_wrote_is_brought_back,
    what_cameras_and_jobs_keep_of_a_clock_that_was_ahead_is_brought_back,
};
use databases::{Node, anybody, camera, fan_out, finished, open, plan, published, run_of, task};
use easysight_protocol::{
    JobId, KeySignature, PluginSignature, RunId, RunState, Scope, Status, TokenInfo, Trigger, Verdict,
};
use easysight_store::{
    Area, CameraFilter, Dialect, NewRun, PageRequest, RunFilter, Start, Store, StoreError, StoredToken,
};
use filters::{
    a_filter_is_its_owner_s_alone, an_owner_has_at_most_fifty_filters, filters_go_with_their_owner,
};
use history::{
    a_camera_s_health_is_what_was_captured_last, a_cancelled_run_is_not_tried_again,
    findings_are_found_by_what_they_are, progress_of_ended_runs_is_kept, the_size_of_the_database_is_known,
};
use leases::{
    a_cancelled_run_takes_no_results, a_deadline_gives_up,
    a_drained_node_keeps_its_jobs_and_gets_no_new_ones, a_heartbeat_renews_and_tells_what_was_revoked,
    a_node_shows_both_that_its_heart_beats_and_that_it_asks_for_jobs, a_poll_that_is_over_is_given_no_jobs,
    a_restarted_node_loses_its_leases_at_once, a_result_is_recorded_once,
    a_returned_job_counts_as_no_attempt, a_stale_attempt_is_refused,
    an_expired_lease_is_offered_again_and_its_late_result_counts_until_someone_else_has_the_job,
    an_unregistered_node_hands_back,
    failures_back_off_and_end_in_the_dead_letters_from_which_a_person_takes_them,
    jobs_are_leased_once_by_priority_then_age, jobs_lost_on_the_way_are_offered_again_at_once,
    labels_route_jobs, two_processes_with_one_id_are_told_apart,
    what_a_node_works_on_is_read_from_its_leases,
};
use lost::{
    a_camera_that_was_changed_is_asked_at_once, a_camera_without_a_picture_is_spared_until_it_gives_one,
    cameras_whose_check_has_not_ended_are_known_by_their_task,
};
use measurements::{
    a_late_result_adds_to_the_day_of_its_clip, a_thinned_trend_keeps_every_spike,
    measurements_are_what_the_reports_say, measurements_go_with_their_camera,
    nothing_is_folded_twice_or_lost, odd_values_are_left_out_or_kept,
    old_measurements_are_removed_by_their_day,
};
use outages::{
    a_deadline_takes_nothing_from_nodes_that_could_not_report,
    a_node_is_silent_only_where_it_could_have_been_heard, a_node_that_still_holds_its_attempt_keeps_it,
    a_result_counts_also_where_expiry_was_the_last_attempt, nothing_expires_before_nodes_could_be_heard,
};
use overview::{
    a_camera_s_standing_has_cause_beginning_and_evidence,
    a_page_goes_on_where_the_last_one_ended_although_cameras_come_and_go,
    cameras_are_found_by_what_people_remember_but_not_by_passwords,
    cameras_are_sorted_by_every_order_across_pages, each_health_is_counted_and_found_by_its_word,
    runs_of_a_day_are_counted, the_census_is_taken_once_an_hour_and_kept_for_400_days,
};
use pictures::{
    a_camera_is_asked_for_a_good_picture_now_and_then, a_good_picture_is_of_one_place,
    the_oldest_pictures_come_first_and_good_ones_of_cameras_never,
};
use remembering::{
    a_lease_has_no_more_jobs_than_their_baselines_leave_room_for,
    a_reset_also_holds_against_jobs_that_are_under_way,
    another_source_is_another_camera_and_another_password_is_not,
    of_two_jobs_on_one_camera_the_one_leased_later_counts, only_the_attempt_that_is_recorded_is_remembered,
    what_a_plugin_remembers_comes_with_the_next_job_on_its_camera, what_is_no_baseline_costs_no_finding,
    what_is_remembered_of_a_camera_goes_with_it, when_a_camera_moved_all_but_the_finder_forget_it,
};
use replays::{
    a_replay_is_of_the_chosen_cameras_and_time, a_replay_refuses_what_it_cannot_answer,
    a_replay_says_what_another_limit_would_have_said, what_a_plugin_remembers_is_not_guessed,
};

use shadows::{
    a_candidate_counts_for_nothing_and_is_compared,
    a_candidate_remembers_apart_and_is_forgotten_with_its_end, what_plugins_used_is_noted_by_day,
};
use storms::{
    a_job_is_given_to_one_node_however_many_ask, heartbeats_go_on_while_cameras_are_imported,
    jobs_of_every_set_of_labels_are_found, looking_for_jobs_that_nobody_may_have_costs_next_to_nothing,
    sets_of_labels_that_nobody_uses_are_swept_and_come_back,
};

use users::{
    a_link_for_the_first_administrator_works_once_and_only_for_the_first,
    a_name_belongs_to_one_user_however_it_is_written, a_session_belongs_to_a_user_with_this_password,
    a_user_s_sessions_end_with_the_password, guesses_at_the_same_moment_are_all_counted,
    sessions_of_a_clock_that_was_ahead_are_brought_back, sign_ins_do_not_keep_old_failures_alive,
    somebody_can_always_administer, the_area_of_a_token_is_kept_sorted, what_is_over_is_pruned,
};
use versions::{
    a_change_is_made_only_of_the_version_that_it_names,
    a_version_changes_with_the_definition_and_with_nothing_else,
    of_changes_of_one_version_exactly_one_is_made,
};

/// Makes two tests of each function, one for each database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                if let Some(fresh) = super::open(super::Dialect::Sqlite).await {
                    super::$name(&fresh.store).await;
                    fresh.close().await;
                }
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(fresh) = super::open(super::Dialect::Postgres).await {
                    super::$name(&fresh.store).await;
                    fresh.close().await;
                }
            })*
        }
    };
}

#[tokio::test]
async fn every_job_ends_once_whatever_happens_on_sqlite() {
    simulation::every_job_ends_once_whatever_happens(Dialect::Sqlite).await;
}

#[tokio::test]
async fn every_job_ends_once_whatever_happens_on_postgres() {
    simulation::every_job_ends_once_whatever_happens(Dialect::Postgres).await;
}

#[tokio::test]
async fn findings_of_before_are_there_after_an_upgrade_of_sqlite() {
    upgrades::findings_of_before_are_there_after_an_upgrade(Dialect::Sqlite).await;
}

#[tokio::test]
async fn findings_of_before_are_there_after_an_upgrade_of_postgres() {
    upgrades::findings_of_before_are_there_after_an_upgrade(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_submitter_without_a_run_is_forgotten_on_sqlite() {
    areas::a_submitter_without_a_run_is_forgotten_with_the_history(Dialect::Sqlite).await;
}

#[tokio::test]
async fn a_submitter_without_a_run_is_forgotten_on_postgres() {
    areas::a_submitter_without_a_run_is_forgotten_with_the_history(Dialect::Postgres).await;
}

#[tokio::test]
async fn lists_of_an_area_look_back_step_by_step_on_sqlite() {
    areas::lists_of_an_area_look_back_step_by_step(Dialect::Sqlite).await;
}

#[tokio::test]
async fn lists_of_an_area_look_back_step_by_step_on_postgres() {
    areas::lists_of_an_area_look_back_step_by_step(Dialect::Postgres).await;
}

#[tokio::test]
async fn masters_that_know_no_areas_refuse_a_token_with_an_area_on_sqlite() {
    users::masters_that_know_no_areas_refuse_a_token_with_an_area(Dialect::Sqlite).await;
}

#[tokio::test]
async fn masters_that_know_no_areas_refuse_a_token_with_an_area_on_postgres() {
    users::masters_that_know_no_areas_refuse_a_token_with_an_area(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_change_without_its_entry_is_undone_on_sqlite() {
    audit::a_change_without_its_entry_is_undone(Dialect::Sqlite).await;
}

#[tokio::test]
async fn a_change_without_its_entry_is_undone_on_postgres() {
    audit::a_change_without_its_entry_is_undone(Dialect::Postgres).await;
}

#[tokio::test]
async fn of_changes_through_two_masters_exactly_one_is_made() {
    versions::of_changes_through_two_masters_exactly_one_is_made().await;
}

#[tokio::test]
async fn damage_to_measurements_stays_where_it_is_on_sqlite() {
    measurements::damage_stays_where_it_is(Dialect::Sqlite).await;
}

#[tokio::test]
async fn damage_to_measurements_stays_where_it_is_on_postgres() {
    measurements::damage_stays_where_it_is(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_damaged_day_is_left_out_of_a_replay_on_sqlite() {
    replays::a_damaged_day_is_left_out_and_counted(Dialect::Sqlite).await;
}

#[tokio::test]
async fn a_damaged_day_is_left_out_of_a_replay_on_postgres() {
    replays::a_damaged_day_is_left_out_and_counted(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_database_has_an_id_that_all_its_masters_know() {
    let mut ids = std::collections::HashSet::new();
    for dialect in [Dialect::Sqlite, Dialect::Sqlite, Dialect::Postgres] {
        let Some(fresh) = open(dialect).await else { continue };
        let id = fresh.store.installation().to_owned();
        assert!(id.len() == 8 && id.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        if dialect == Dialect::Postgres {
            assert_eq!(fresh.another().await.installation(), id);
        }
        assert!(ids.insert(id));
        fresh.close().await;
    }
}

on_both!(
    a_camera_with_hidden_groups_is_found_by_its_id_and_name_only,
    a_filter_is_its_owner_s_alone,
    an_owner_has_at_most_fifty_filters,
    filters_go_with_their_owner,
    an_area_shows_its_cameras_and_hides_their_other_groups,
    an_area_shows_what_was_found_of_its_cameras,
    findings_do_not_name_a_task_that_names_nothing_of_the_area,
    an_area_shows_its_part_of_runs,
    nothing_outside_of_an_area_is_changed,
    an_area_shows_its_part_of_tasks_and_changes_only_its_own,
    a_submission_is_seen_by_who_made_it,
    the_census_of_an_area_counts_each_camera_once,
    only_operators_and_viewers_are_limited,
    a_change_has_an_entry_that_says_who_and_what,
    a_change_that_fails_leaves_no_entry,
    what_is_removed_stays_in_the_audit_log,
    an_import_has_one_entry_with_what_was_written,
    no_secret_gets_into_the_audit_log,
    refused_sign_ins_share_an_entry_that_counts_them,
    runs_are_recorded_once_and_only_if_a_person_starts_them,
    the_audit_log_is_searched_alike_on_both_databases,
    the_audit_log_is_searched_paged_and_pruned,
    measurements_are_what_the_reports_say,
    nothing_is_folded_twice_or_lost,
    a_late_result_adds_to_the_day_of_its_clip,
    odd_values_are_left_out_or_kept,
    a_thinned_trend_keeps_every_spike,
    measurements_go_with_their_camera,
    old_measurements_are_removed_by_their_day,
    a_replay_says_what_another_limit_would_have_said,
    a_replay_is_of_the_chosen_cameras_and_time,
    a_replay_refuses_what_it_cannot_answer,
    what_a_plugin_remembers_is_not_guessed,
    what_a_clock_that_was_ahead_wrote_is_brought_back,
    deadlines_move_with_a_clock_that_jumps,
    what_cameras_and_jobs_keep_of_a_clock_that_was_ahead_is_brought_back,
    a_task_runs_at_the_times_that_a_clock_ahead_has_used_up,
    a_token_holds_for_as_long_as_it_was_made_for,
    a_camera_without_a_picture_is_spared_until_it_gives_one,
    a_camera_that_was_changed_is_asked_at_once,
    cameras_whose_check_has_not_ended_are_known_by_their_task,
    a_job_is_given_to_one_node_however_many_ask,
    cameras_are_kept_grouped_and_paged,
    a_due_task_fires_once_and_a_repeated_request_makes_no_second_run,
    jobs_are_leased_once_by_priority_then_age,
    labels_route_jobs,
    a_result_is_recorded_once,
    an_expired_lease_is_offered_again_and_its_late_result_counts_until_someone_else_has_the_job,
    a_stale_attempt_is_refused,
    a_heartbeat_renews_and_tells_what_was_revoked,
    jobs_lost_on_the_way_are_offered_again_at_once,
    a_poll_that_is_over_is_given_no_jobs,
    failures_back_off_and_end_in_the_dead_letters_from_which_a_person_takes_them,
    a_returned_job_counts_as_no_attempt,
    a_cancelled_run_takes_no_results,
    a_deadline_gives_up,
    two_processes_with_one_id_are_told_apart,
    a_restarted_node_loses_its_leases_at_once,
    a_drained_node_keeps_its_jobs_and_gets_no_new_ones,
    an_unregistered_node_hands_back,
    a_node_shows_both_that_its_heart_beats_and_that_it_asks_for_jobs,
    what_a_node_works_on_is_read_from_its_leases,
    a_command_that_fails_undoes_itself_alone,
    commands_of_many_callers_do_not_mix,
    plugins_are_activated_and_rolled_back,
    a_plugin_is_signed_by_one_key_after_the_other,
    tokens_are_revoked_once,
    history_is_pruned_in_steps,
    one_of_two_masters_leads,
    a_camera_is_asked_for_a_good_picture_now_and_then,
    a_good_picture_is_of_one_place,
    the_oldest_pictures_come_first_and_good_ones_of_cameras_never,
    what_a_plugin_remembers_comes_with_the_next_job_on_its_camera,
    only_the_attempt_that_is_recorded_is_remembered,
    of_two_jobs_on_one_camera_the_one_leased_later_counts,
    a_reset_also_holds_against_jobs_that_are_under_way,
    another_source_is_another_camera_and_another_password_is_not,
    what_is_remembered_of_a_camera_goes_with_it,
    when_a_camera_moved_all_but_the_finder_forget_it,
    what_is_no_baseline_costs_no_finding,
    a_lease_has_no_more_jobs_than_their_baselines_leave_room_for,
    a_candidate_counts_for_nothing_and_is_compared,
    a_candidate_remembers_apart_and_is_forgotten_with_its_end,
    what_plugins_used_is_noted_by_day,
    nothing_expires_before_nodes_could_be_heard,
    a_node_that_still_holds_its_attempt_keeps_it,
    a_result_counts_also_where_expiry_was_the_last_attempt,
    a_deadline_takes_nothing_from_nodes_that_could_not_report,
    a_node_is_silent_only_where_it_could_have_been_heard,
    jobs_of_every_set_of_labels_are_found,
    sets_of_labels_that_nobody_uses_are_swept_and_come_back,
    heartbeats_go_on_while_cameras_are_imported,
    looking_for_jobs_that_nobody_may_have_costs_next_to_nothing,
    a_camera_s_health_is_what_was_captured_last,
    findings_are_found_by_what_they_are,
    the_size_of_the_database_is_known,
    progress_of_ended_runs_is_kept,
    a_cancelled_run_is_not_tried_again,
    each_health_is_counted_and_found_by_its_word,
    a_camera_s_standing_has_cause_beginning_and_evidence,
    cameras_are_sorted_by_every_order_across_pages,
    a_page_goes_on_where_the_last_one_ended_although_cameras_come_and_go,
    cameras_are_found_by_what_people_remember_but_not_by_passwords,
    the_census_is_taken_once_an_hour_and_kept_for_400_days,
    runs_of_a_day_are_counted,
    a_name_belongs_to_one_user_however_it_is_written,
    somebody_can_always_administer,
    a_session_belongs_to_a_user_with_this_password,
    a_user_s_sessions_end_with_the_password,
    guesses_at_the_same_moment_are_all_counted,
    sign_ins_do_not_keep_old_failures_alive,
    a_link_for_the_first_administrator_works_once_and_only_for_the_first,
    sessions_of_a_clock_that_was_ahead_are_brought_back,
    the_area_of_a_token_is_kept_sorted,
    what_is_over_is_pruned,
    a_version_changes_with_the_definition_and_with_nothing_else,
    a_change_is_made_only_of_the_version_that_it_names,
    of_changes_of_one_version_exactly_one_is_made,
);

fn page(limit: u32) -> PageRequest {
    PageRequest { after: None, limit }
}

async fn cameras_are_kept_grouped_and_paged(store: &Store) {
    for (id, groups) in [("a", &["hall"][..]), ("b", &["hall", "north"]), ("c", &[])] {
        store.by(anybody()).create_camera(id.into(), camera(id, groups), 1_000).await.unwrap();
    }
    let taken = store.by(anybody()).create_camera("a".into(), camera("again", &[]), 1_000).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let first = store.cameras(&Area::ALL, &CameraFilter::default(), &page(2)).await.unwrap();
    assert_eq!(first.items.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(first.items[0].source, "rtsp://***@a/live");
    let next = PageRequest { after: first.next, limit: 2 };
    let second = store.cameras(&Area::ALL, &CameraFilter::default(), &next).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    let filter = CameraFilter { group: Some("north".into()), ..CameraFilter::default() };
    assert_eq!(
        store.cameras(&Area::ALL, &filter, &page(9)).await.unwrap().items[0].groups,
        ["hall", "north"]
    );
    let groups = store.camera_groups(&Area::ALL).await.unwrap();
    assert_eq!((groups[0].name.as_str(), groups[0].cameras), ("hall", 2));
    let (found, missing) =
        store.cameras_of_task(&["c".into(), "x".into()], &["hall".into(), "empty".into()]).await.unwrap();
    assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(found[0].1, "rtsp://user:secret@a/live");
    assert_eq!(missing, ["camera `x`", "a camera in the group `empty`"]);
    let imported = vec![("a".to_owned(), camera("a2", &[])), ("d".to_owned(), camera("d", &[]))];
    let done = store.by(anybody()).import_cameras(imported, 2_000).await.unwrap();
    assert_eq!((done.created, done.updated), (1, 1));
    assert_eq!(store.camera(&Area::ALL, "a").await.unwrap().unwrap().camera.groups, Vec::<String>::new());
    assert!(store.by(anybody()).delete_camera("a".into(), 9_000).await.unwrap());
    assert!(!store.by(anybody()).delete_camera("a".into(), 9_000).await.unwrap());
    assert!(store.camera(&Area::ALL, "a").await.unwrap().is_none());
}

async fn a_due_task_fires_once_and_a_repeated_request_makes_no_second_run(store: &Store) {
    store.by(anybody()).create_task("t".into(), task(), Some(5_000), 1_000).await.unwrap();
    assert!(store.due_tasks(4_999, 10).await.unwrap().is_empty());
    let due = store.due_tasks(5_000, 10).await.unwrap();
    assert_eq!(due[0].id, "t");
    assert!(!store.agenda(4_999).await.unwrap().task_due);
    assert!(store.agenda(5_000).await.unwrap().task_due);
    let new = |fire_time, key: Option<&str>| NewRun {
        id: RunId::fresh(),
        task_id: Some("t".into()),
        trigger: Trigger::Schedule,
        fire_time,
        idempotency_key: key.map(str::to_owned),
        definition: task(),
        origin: plan().origin,
    };
    let waits = || Start::Waits(vec!["a camera".into()]);
    let (first, made) = store.create_run(new(Some(5_000), None), waits(), 5_001).await.unwrap();
    let (second, again) = store.create_run(new(Some(5_000), None), waits(), 5_002).await.unwrap();
    assert_eq!((&first, made, again), (&second, true, false));
    let (keyed, made) = store.create_run(new(None, Some("k")), waits(), 5_003).await.unwrap();
    let (same, again) = store.create_run(new(None, Some("k")), waits(), 5_004).await.unwrap();
    assert_eq!((&keyed, made, again), (&same, true, false));
    let (first, keyed) = (first.id, keyed.id);
    assert!(store.advance_task("t".into(), 5_000, Some(9_000)).await.unwrap());
    assert!(!store.advance_task("t".into(), 5_000, Some(9_000)).await.unwrap());
    let waiting = store.waiting_runs(10).await.unwrap();
    assert_eq!((waiting.len(), &waiting[0].origin), (2, &plan().origin));
    assert_eq!(waiting[0].run.request_id.as_deref(), Some("asked"));
    store.set_waits_for(keyed, vec!["a plugin for `x`".into()]).await.unwrap();
    assert_eq!(store.run(&Area::ALL, keyed).await.unwrap().unwrap().run.waits_for, ["a plugin for `x`"]);
    let filter =
        RunFilter { task_id: Some("t".into()), state: Some(RunState::Waiting), ..RunFilter::default() };
    assert_eq!(store.runs(&Area::ALL, &filter, &page(10)).await.unwrap().items[0].id, keyed);
    assert_eq!(store.fan_out(keyed, fan_out(2), 6_000).await.unwrap(), Some(2));
    assert_eq!(store.fan_out(keyed, fan_out(2), 6_000).await.unwrap(), None);
    let begun = store.run(&Area::ALL, keyed).await.unwrap().unwrap().run;
    assert_eq!((begun.state, begun.progress.total, begun.waits_for), (RunState::Running, 2, Vec::new()));
    assert_eq!(store.fan_out(first, fan_out(0), 6_000).await.unwrap(), Some(0));
    assert_eq!(store.run(&Area::ALL, first).await.unwrap().unwrap().run.state, RunState::Finished);
}

async fn a_command_that_fails_undoes_itself_alone(store: &Store) {
    let (store_a, store_b) = (store.clone(), store.clone());
    store.by(anybody()).create_camera("taken".into(), camera("taken", &[]), 1).await.unwrap();
    let (store_a, store_b) = (store_a.by(anybody()), store_b.by(anybody()));
    let (good, bad) = tokio::join!(
        store_a.create_camera("good".into(), camera("good", &["g"]), 1),
        store_b.create_camera("taken".into(), camera("other", &["g"]), 1),
    );
    assert!(good.is_ok() && bad.is_err());
    assert_eq!(store.camera(&Area::ALL, "taken").await.unwrap().unwrap().camera.name, "taken");
    assert_eq!(store.camera_groups(&Area::ALL).await.unwrap()[0].cameras, 1);
}

async fn commands_of_many_callers_do_not_mix(store: &Store) {
    run_of(store, task(), 400, 1_000).await;
    let mut callers = tokio::task::JoinSet::new();
    for name in 0..20 {
        let store = store.clone();
        callers.spawn(async move {
            let mut node = Node::new(&format!("n{name}"));
            node.register(&store, 1_000).await;
            let mut done = Vec::new();
            loop {
                let leased = node.lease(&store, 7, 1_000).await;
                if leased.jobs.is_empty() {
                    return done;
                }
                let results = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
                let recorded = store.record(results, 1_000).await.unwrap();
                assert!(recorded.verdicts.iter().all(|verdict| *verdict == Verdict::Recorded));
                done.extend(leased.jobs.iter().map(|job| job.id));
            }
        });
    }
    let mut all: Vec<JobId> = callers.join_all().await.into_iter().flatten().collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 400);
    let runs = store.runs(&Area::ALL, &RunFilter::default(), &page(1)).await.unwrap();
    assert_eq!((runs.items[0].state, runs.items[0].progress.finished), (RunState::Finished, 400));
}

async fn plugins_are_activated_and_rolled_back(store: &Store) {
    let plugin = |version: &str, digest: &str| published("brightness", version, digest);
    assert!(store.by(anybody()).publish(plugin("1.0.0", "a")).await.unwrap());
    assert!(!store.by(anybody()).publish(plugin("1.0.0", "a")).await.unwrap());
    assert!(matches!(store.by(anybody()).publish(plugin("1.0.0", "b")).await, Err(StoreError::Conflict(_))));
    assert!(store.by(anybody()).publish(plugin("1.1.0", "b")).await.unwrap());
    assert!(store.by(anybody()).publish(plugin("1.2.0", "c")).await.unwrap());
    assert_eq!(store.by(anybody()).roll_back("brightness".into(), 1).await.unwrap(), None);
    for digest in ["a", "b", "c"] {
        store.by(anybody()).activate(vec!["brightness".into()], Some(digest.into()), 1).await.unwrap();
    }
    let now = |store: Store| async move { store.activations().await.unwrap()[0].digest.clone() };
    assert_eq!(now(store.clone()).await.as_deref(), Some("c"));
    assert_eq!(
        store.by(anybody()).roll_back("brightness".into(), 2).await.unwrap().unwrap().digest.as_deref(),
        Some("b")
    );
    assert_eq!(
        store.by(anybody()).roll_back("brightness".into(), 3).await.unwrap().unwrap().digest.as_deref(),
        Some("a")
    );
    assert_eq!(store.by(anybody()).roll_back("brightness".into(), 4).await.unwrap(), None);
    assert_eq!(store.plugins().await.unwrap().iter().filter(|p| !p.active_for.is_empty()).count(), 1);
    store.by(anybody()).activate(vec!["brightness".into()], None, 5).await.unwrap();
    assert_eq!(now(store.clone()).await, None);
}

async fn a_plugin_is_signed_by_one_key_after_the_other(store: &Store) {
    let plugin = |digest: &str| published(digest, "1.0.0", digest);
    let signed = |keys: &[(&str, &str)]| {
        let one = |(key, signature): &(&str, &str)| KeySignature {
            key: (*key).into(),
            descriptor: "{\"name\": \"a\"}".into(),
            signature: (*signature).into(),
        };
        PluginSignature { digest: "a".into(), signatures: keys.iter().map(one).collect() }
    };
    for digest in ["a", "b"] {
        store.by(anybody()).publish(plugin(digest)).await.unwrap();
    }
    assert_eq!(store.signatures("a").await.unwrap(), signed(&[]));
    store.by(anybody()).add_signatures(signed(&[("k2", "x")]), 2).await.unwrap();
    store.by(anybody()).add_signatures(signed(&[("k1", "y"), ("k2", "z")]), 3).await.unwrap();
    assert_eq!(store.signatures("a").await.unwrap(), signed(&[("k1", "y"), ("k2", "z")]));
    let signers: Vec<_> = store.plugins().await.unwrap().into_iter().map(|one| one.signed_by).collect();
    assert_eq!(signers, [vec!["k1".to_owned(), "k2".into()], Vec::new()]);
    let stranger = PluginSignature { digest: "x".into(), ..signed(&[("k1", "y")]) };
    assert!(
        store.by(anybody()).add_signatures(stranger, 4).await.is_err(),
        "a plugin that does not exist cannot be signed"
    );
}

async fn tokens_are_revoked_once(store: &Store) {
    let info = TokenInfo {
        id: "1".into(),
        name: "ci".into(),
        scope: Scope::Publisher,
        created_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
        groups: None,
    };
    store
        .by(anybody())
        .create_token(StoredToken { info, hash: "h".into(), lifetime_ms: None })
        .await
        .unwrap();
    assert_eq!(store.token("1").await.unwrap().unwrap().info.scope, Scope::Publisher);
    assert!(store.by(anybody()).revoke_token("1".into(), 9).await.unwrap());
    assert!(!store.by(anybody()).revoke_token("1".into(), 9).await.unwrap());
    assert!(store.tokens().await.unwrap()[0].info.revoked_at.is_some());
    assert!(store.token("2").await.unwrap().is_none());
}

async fn history_is_pruned_in_steps(store: &Store) {
    run_of(store, task(), 700, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1_000, 1_000).await;
    let results: Vec<_> = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
    store.record(results, 2_000).await.unwrap();
    let open = run_of(store, task(), 1, 2_000).await;
    let kept = store.count_findings().await.unwrap();
    assert_eq!((kept, store.prune_oldest(kept - 600, 3_000).await.unwrap()), (700, 100));
    assert_eq!(store.count_findings().await.unwrap(), 600);
    assert_eq!(store.prune(1_000_000, 3_000).await.unwrap(), 0);
    let mut steps = 0;
    while store.prune(10, 3_000).await.unwrap() > 0 {
        steps += 1;
    }
    assert_eq!(steps, 2);
    let left = store.runs(&Area::ALL, &RunFilter::default(), &page(10)).await.unwrap().items;
    assert_eq!(left.iter().map(|run| run.id).collect::<Vec<_>>(), [open]);
}

async fn one_of_two_masters_leads(store: &Store) {
    assert!(store.lead("scheduler", "a".into(), 60_000).await.unwrap());
    assert!(!store.lead("scheduler", "b".into(), 60_000).await.unwrap());
    assert!(store.lead("scheduler", "a".into(), -1).await.unwrap());
    assert!(store.lead("scheduler", "b".into(), 60_000).await.unwrap());
}
