//! What was used: sums by stage, day, project and card.

use cardume::domain::*;
use cardume::server::store::Report;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    sums_are_of_what_agents_told,
    what_nobody_told_is_absent_and_not_nothing,
    a_running_stage_counts_until_now,
    a_workflow_execution_does_not_count,
    an_execution_counts_for_the_day_on_which_it_began,
    what_began_outside_the_period_does_not_count,
    one_project_is_told_of_alone,
    fifty_cards_are_told_of_and_that_there_are_more,
    no_number_that_an_agent_tells_breaks_a_sum,
    nothing_is_used_where_nothing_has_run,
    what_cards_have_used_so_far_is_summed_over_all_their_stages,
);

const HOUR: i64 = 3_600_000;
/// 2026-11-22T00:00:00Z.
const TODAY: i64 = 1_795_305_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// What an agent told of one execution.
fn told(input: i64, output: i64, cost: f64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), cost_usd: Some(cost), ..Usage::default() }
}

/// One execution from `start` on, of an agent that told `usage`; without an end it runs.
async fn execution(on: &Ground, card: CardId, command: Command, start: i64, lasted: Option<i64>, usage: Usage) {
    let id = on.store.create_execution(card, execution_id(), command, at(start)).await.unwrap().id;
    if usage != Usage::default() {
        on.store.ingest(id, 0, 1, &[], &Report { usage, ..Report::default() }).await.unwrap();
    }
    if let Some(lasted) = lasted {
        on.store.update_status(id, ExecutionStatus::Success, None, Some(0), at(start + lasted)).await.unwrap();
    }
}

async fn month(on: &Ground) -> UsageReport {
    on.store.usage(Period::Month, None, at(TODAY + 12 * HOUR)).await.unwrap()
}

async fn sums_are_of_what_agents_told(on: Ground) {
    let card = on.card().await;
    execution(&on, card, Command::Implement, TODAY, Some(2000), told(100, 10, 0.25)).await;
    execution(&on, card, Command::Plan, TODAY + 5000, Some(500), told(7, 1, 0.0)).await;
    execution(&on, card, Command::Implement, TODAY + 9000, Some(1000), told(50, 5, 0.5)).await;
    let report = month(&on).await;
    let implement = Used {
        executions: 2,
        time_ms: 3000,
        input_tokens: Some(150),
        output_tokens: Some(15),
        cost_usd: Some(0.75),
        with_tokens: 2,
        with_cost: 2,
    };
    let plan = Used {
        executions: 1,
        time_ms: 500,
        input_tokens: Some(7),
        output_tokens: Some(1),
        cost_usd: Some(0.0),
        with_tokens: 1,
        with_cost: 1,
    };
    let stages: Vec<(Stage, Used)> = report.by_stage.iter().map(|of| (of.stage, of.used)).collect();
    assert_eq!(stages, [(Stage::Plan, plan), (Stage::Implement, implement)]);
    assert_eq!(report.total, plan.and(implement));
    assert_eq!(report.by_card.len(), 1);
    assert_eq!((report.by_card[0].card_id, report.by_card[0].used), (card, report.total));
    assert_eq!((report.by_project[0].name.as_str(), report.by_project[0].used), ("shoal", report.total));
    assert_eq!(report.by_day[29].used, report.total);
}

async fn what_nobody_told_is_absent_and_not_nothing(on: Ground) {
    let (silent, partly) = (on.card().await, on.card().await);
    execution(&on, silent, Command::Plan, TODAY, Some(1000), Usage::default()).await;
    execution(&on, partly, Command::Test, TODAY, Some(2000), Usage::default()).await;
    let tokens = Usage { output_tokens: Some(0), ..Usage::default() };
    execution(&on, partly, Command::Test, TODAY, Some(2000), tokens).await;
    let report = month(&on).await;
    let [test, plan] = [&report.by_card[0].used, &report.by_card[1].used];
    assert_eq!((plan.input_tokens, plan.output_tokens, plan.cost_usd), (None, None, None));
    assert_eq!((plan.executions, plan.time_ms, plan.with_tokens, plan.with_cost), (1, 1000, 0, 0));
    assert_eq!((test.input_tokens, test.output_tokens, test.cost_usd), (None, Some(0), None));
    assert_eq!((test.executions, test.with_tokens, test.with_cost), (2, 1, 0));
}

async fn a_running_stage_counts_until_now(on: Ground) {
    let card = on.card().await;
    execution(&on, card, Command::Plan, TODAY + 11 * HOUR, None, Usage::default()).await;
    assert_eq!(month(&on).await.total.time_ms, HOUR);
    // By a clock that was set back it has not begun.
    let early = on.store.usage(Period::Month, None, at(TODAY + 10 * HOUR)).await.unwrap();
    assert_eq!((early.total.executions, early.total.time_ms), (1, 0));
}

async fn a_workflow_execution_does_not_count(on: Ground) {
    let card = on.card().await;
    on.store.set_workflow_state(card, WorkflowStage::Testing, None, execution_id(), at(TODAY)).await.unwrap();
    let report = month(&on).await;
    assert_eq!((report.total, report.by_card, report.by_project), (Used::default(), vec![], vec![]));
}

async fn an_execution_counts_for_the_day_on_which_it_began(on: Ground) {
    let card = on.card().await;
    execution(&on, card, Command::Plan, TODAY - 1, Some(5000), told(1, 1, 1.0)).await;
    execution(&on, card, Command::Test, TODAY, Some(3000), told(2, 2, 2.0)).await;
    let report = on.store.usage(Period::Week, None, at(TODAY + HOUR)).await.unwrap();
    let days: Vec<(&str, i64, Option<f64>)> =
        report.by_day.iter().map(|of| (of.day.as_str(), of.used.time_ms, of.used.cost_usd)).collect();
    assert_eq!(days.len(), 7);
    assert_eq!(days[0], ("2026-11-16", 0, None));
    assert_eq!(days[5..], [("2026-11-21", 5000, Some(1.0)), ("2026-11-22", 3000, Some(2.0))]);
}

async fn what_began_outside_the_period_does_not_count(on: Ground) {
    let card = on.card().await;
    for start in [TODAY - 6 * 24 * HOUR - 1, TODAY - 6 * 24 * HOUR, TODAY + 24 * HOUR - 1, TODAY + 24 * HOUR] {
        execution(&on, card, Command::Plan, start, Some(1), Usage::default()).await;
    }
    for (period, executions) in [(Period::Week, 2), (Period::Month, 3), (Period::Quarter, 3)] {
        let report = on.store.usage(period, None, at(TODAY + HOUR)).await.unwrap();
        let of_days: i64 = report.by_day.iter().map(|of| of.used.executions).sum();
        assert_eq!((report.total.executions, of_days), (executions, executions), "{period:?}");
        assert_eq!((report.days, report.by_day.len() as i64), (period.days(), period.days()));
    }
}

async fn one_project_is_told_of_alone(on: Ground) {
    let (card, other) = (on.card().await, on.card().await);
    execution(&on, card, Command::Plan, TODAY, Some(1000), told(1, 1, 1.0)).await;
    execution(&on, other, Command::Plan, TODAY, Some(2000), told(2, 2, 2.0)).await;
    let project = on.store.card(card).await.unwrap().project_id;
    let report = on.store.usage(Period::Month, Some(project), at(TODAY + HOUR)).await.unwrap();
    assert_eq!((report.total.time_ms, report.total.cost_usd), (1000, Some(1.0)));
    assert_eq!(report.by_project.iter().map(|of| of.project_id).collect::<Vec<_>>(), [project]);
    assert_eq!(report.by_card.iter().map(|of| (of.card_id, of.project_id)).collect::<Vec<_>>(), [(card, project)]);
    assert_eq!(report.by_day[29].used, report.total);
    assert_eq!(month(&on).await.by_project.len(), 2);
    let nowhere = ProjectId(Uuid::now_v7());
    assert_eq!(on.store.usage(Period::Month, Some(nowhere), at(TODAY)).await.unwrap().total, Used::default());
}

async fn fifty_cards_are_told_of_and_that_there_are_more(on: Ground) {
    let project = on.project().await;
    let mut cards = vec![];
    for number in 0..UsageReport::ROWS_MAX as i64 + 1 {
        let card = CardId(Uuid::now_v7());
        on.store.insert_card(card, &titled(project, "Title"), "demo", now()).await.unwrap();
        if number == 50 {
            assert!(!month(&on).await.more_cards);
        }
        execution(&on, card, Command::Plan, TODAY, Some(1000 + number), Usage::default()).await;
        cards.insert(0, card);
    }
    let report = month(&on).await;
    let told: Vec<CardId> = report.by_card.iter().map(|of| of.card_id).collect();
    assert_eq!((told.as_slice(), report.more_cards), (&cards[..50], true), "those with the most time, in this order");
    assert_eq!((report.total.executions, report.by_project.len(), report.more_projects), (51, 1, false));
}

async fn no_number_that_an_agent_tells_breaks_a_sum(on: Ground) {
    let card = on.card().await;
    for _ in 0..3 {
        execution(&on, card, Command::Plan, TODAY, Some(1), told(i64::MAX, i64::MIN, f64::MAX / 8.0)).await;
    }
    let total = month(&on).await.total;
    assert_eq!((total.input_tokens, total.output_tokens), (Some(i64::MAX), Some(i64::MIN)));
    assert!(total.cost_usd.is_some_and(f64::is_finite));
}

async fn nothing_is_used_where_nothing_has_run(on: Ground) {
    on.card().await;
    let report = month(&on).await;
    assert_eq!((report.total, report.by_stage, report.by_day.len()), (Used::default(), vec![], 30));
    assert!(report.by_day.iter().all(|of| of.used == Used::default()));
}

async fn what_cards_have_used_so_far_is_summed_over_all_their_stages(on: Ground) {
    let [card, silent, archived] = [on.card().await, on.card().await, on.card().await];
    execution(&on, card, Command::Plan, TODAY - 100 * 24 * HOUR, Some(1), told(100, 10, 0.25)).await;
    execution(&on, card, Command::Implement, TODAY, None, told(7, i64::MAX, 0.000_002)).await;
    execution(&on, silent, Command::Plan, TODAY, Some(1), Usage::default()).await;
    execution(&on, archived, Command::Plan, TODAY, Some(1), told(1, 1, 1.0)).await;
    on.store.edit_card(archived, &CardEdit { archived: Some(true), ..CardEdit::default() }, now()).await.unwrap();
    let used = UsedSoFar { tokens: i64::MAX, cost_microdollars: 250_002 };
    assert_eq!(on.store.used_so_far().await.unwrap(), [(card, used)]);
}
