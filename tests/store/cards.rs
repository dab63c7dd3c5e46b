//! Cards, and where they stand.

use cardume::domain::*;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    a_new_card_stands_at_the_end_of_the_backlog,
    a_card_needs_a_project,
    an_edit_changes_what_it_names,
    a_stale_version_is_a_conflict,
    move_card_keeps_positions_without_holes,
    move_card_beyond_the_end_is_the_end,
    many_moves_at_once_leave_no_hole,
    a_running_card_stays_in_its_column,
    cards_come_in_the_boards_order,
    deleting_a_card_deletes_its_executions_and_logs,
    a_running_card_is_not_deleted,
    a_deleted_card_can_be_restored_to_where_it_stood,
    what_was_deleted_long_enough_ago_is_known,
    a_model_is_named_and_taken_back,
    a_column_has_the_limit_that_was_set_last,
    a_worktree_is_written_on_the_card,
    nul_becomes_the_replacement_character_on_cards,
);

fn to(column_id: Column, position: i64) -> CardMove {
    CardMove { column_id, position, version: None }
}

/// The titles in a column, top to bottom; fails where the positions are not 0, 1, 2, ….
async fn column(on: &Ground, column: Column) -> Vec<String> {
    let cards: Vec<Card> =
        on.store.cards(None).await.unwrap().into_iter().filter(|card| card.column_id == column).collect();
    let positions: Vec<i64> = cards.iter().map(|card| card.position).collect();
    assert_eq!(positions, (0..cards.len() as i64).collect::<Vec<_>>(), "{column}");
    cards.into_iter().map(|card| card.title).collect()
}

/// Cards a, b, c, … in the backlog.
async fn backlog<const N: usize>(on: &Ground, titles: [&str; N]) -> [CardId; N] {
    let project = on.project().await;
    let ids = titles.map(|_| CardId(Uuid::now_v7()));
    for (id, title) in ids.into_iter().zip(titles) {
        on.store.insert_card(id, &titled(project, title), "demo", now()).await.unwrap();
    }
    ids
}

async fn a_new_card_stands_at_the_end_of_the_backlog(on: Ground) {
    backlog(&on, ["a", "b"]).await;
    let (project, id, now) = (on.project().await, CardId(Uuid::now_v7()), now());
    let text =
        NewCard {
            description: "# Much\n\n*more*".into(), model: Some("opus".into()), ..titled(project, "Tïtle 🐟")
        };
    let card = on.store.insert_card(id, &text, "claude", now).await.unwrap();
    let expected = Card {
        id,
        project_id: project,
        title: "Tïtle 🐟".into(),
        description: "# Much\n\n*more*".into(),
        column_id: Column::Backlog,
        position: 2,
        agent: "claude".into(),
        model: Some("opus".into()),
        spec_path: None,
        branch: None,
        worktree_path: None,
        archived_at: None,
        discarded_at: None,
        warning: None,
        version: 1,
        created_at: now,
        updated_at: now,
        active_execution: None,
    };
    assert_eq!(card, expected);
    assert_eq!(on.store.card(id).await.unwrap(), expected);
    assert_eq!(on.store.cards(Some(project)).await.unwrap(), [expected]);
}

async fn a_card_needs_a_project(on: Ground) {
    let nowhere = ProjectId(Uuid::now_v7());
    not_found(on.store.insert_card(CardId(Uuid::now_v7()), &titled(nowhere, "t"), "demo", now()).await);
    not_found(on.store.card(CardId(Uuid::now_v7())).await);
    assert_eq!(on.store.cards(None).await.unwrap(), []);
}

async fn an_edit_changes_what_it_names(on: Ground) {
    let id = on.card().await;
    let before = on.store.card(id).await.unwrap();
    let edit = CardEdit { title: Some("New".into()), version: Some(before.version), ..CardEdit::default() };
    let after = on.store.edit_card(id, &edit, now()).await.unwrap();
    assert!(after.version > before.version && after.updated_at > before.updated_at);
    let expected = Card { title: "New".into(), version: after.version, updated_at: after.updated_at, ..before };
    assert_eq!(after, expected);
    let edit = CardEdit { description: Some(String::new()), agent: Some("claude".into()), ..CardEdit::default() };
    let after = on.store.edit_card(id, &edit, now()).await.unwrap();
    assert_eq!((after.title.as_str(), after.description.as_str(), after.agent.as_str()), ("New", "", "claude"));
    not_found(on.store.edit_card(CardId(Uuid::now_v7()), &edit, now()).await);
}

async fn a_stale_version_is_a_conflict(on: Ground) {
    let id = on.card().await;
    let seen = on.store.card(id).await.unwrap().version;
    on.store.edit_card(id, &CardEdit { title: Some("Faster".into()), ..CardEdit::default() }, now()).await.unwrap();
    let slow = CardEdit { title: Some("Slower".into()), version: Some(seen), ..CardEdit::default() };
    conflict(on.store.edit_card(id, &slow, now()).await);
    conflict(on.store.move_card(id, &CardMove { version: Some(seen), ..to(Column::Done, 0) }, now()).await);
    let card = on.store.card(id).await.unwrap();
    assert_eq!((card.title.as_str(), card.column_id), ("Faster", Column::Backlog));
}

async fn move_card_keeps_positions_without_holes(on: Ground) {
    let [a, b, _, d] = backlog(&on, ["a", "b", "c", "d"]).await;
    // Down, up and to where it is, in one column.
    on.store.move_card(a, &to(Column::Backlog, 2), now()).await.unwrap();
    assert_eq!(column(&on, Column::Backlog).await, ["b", "c", "a", "d"]);
    on.store.move_card(d, &to(Column::Backlog, 0), now()).await.unwrap();
    assert_eq!(column(&on, Column::Backlog).await, ["d", "b", "c", "a"]);
    on.store.move_card(b, &to(Column::Backlog, 1), now()).await.unwrap();
    assert_eq!(column(&on, Column::Backlog).await, ["d", "b", "c", "a"]);
    // Into another one: its start, its middle.
    on.store.move_card(b, &to(Column::Done, 0), now()).await.unwrap();
    on.store.move_card(a, &to(Column::Done, 1), now()).await.unwrap();
    let moved = on.store.move_card(d, &to(Column::Done, 1), now()).await.unwrap();
    assert_eq!((moved.column_id, moved.position), (Column::Done, 1));
    assert_eq!(column(&on, Column::Backlog).await, ["c"]);
    assert_eq!(column(&on, Column::Done).await, ["b", "d", "a"]);
    on.store.purge_card(d, now()).await.unwrap();
    assert_eq!(column(&on, Column::Done).await, ["b", "a"]);
}

async fn move_card_beyond_the_end_is_the_end(on: Ground) {
    let [a, ..] = backlog(&on, ["a", "b", "c"]).await;
    on.store.move_card(a, &to(Column::Backlog, i64::MAX), now()).await.unwrap();
    assert_eq!(column(&on, Column::Backlog).await, ["b", "c", "a"]);
    on.store.move_card(a, &to(Column::Test, 99), now()).await.unwrap();
    assert_eq!(column(&on, Column::Test).await, ["a"]);
    on.store.move_card(a, &to(Column::Backlog, -1), now()).await.unwrap();
    assert_eq!(column(&on, Column::Backlog).await, ["a", "b", "c"]);
}

async fn many_moves_at_once_leave_no_hole(on: Ground) {
    let ids = backlog(&on, ["a", "b", "c", "d", "e", "f"]).await;
    let mut moves = tokio::task::JoinSet::new();
    for (n, id) in ids.into_iter().cycle().take(48).enumerate() {
        let store = on.store.clone();
        let column = [Column::Backlog, Column::Done, Column::Plan][n % 3];
        moves.spawn(async move { store.move_card(id, &to(column, (n % 4) as i64), now()).await.map(drop) });
    }
    for moved in moves.join_all().await {
        moved.unwrap();
    }
    let mut titles = vec![];
    for place in Column::ALL {
        titles.extend(column(&on, place).await);
    }
    titles.sort();
    assert_eq!(titles, ["a", "b", "c", "d", "e", "f"]);
}

async fn a_running_card_stays_in_its_column(on: Ground) {
    let (card, execution) = on.running_card().await;
    assert!(conflict(on.store.move_card(card, &to(Column::Done, 0), now()).await).contains("running"));
    on.store.move_card(card, &to(Column::Plan, 0), now()).await.unwrap();
    on.store.finish(execution, &failure(ExecutionStatus::Cancelled), execution_id(), now()).await.unwrap();
    assert_eq!(on.store.move_card(card, &to(Column::Done, 0), now()).await.unwrap().column_id, Column::Done);
}

async fn cards_come_in_the_boards_order(on: Ground) {
    let ids = backlog(&on, ["a", "b", "c", "d", "e", "f", "g"]).await;
    // From right to left, so that neither age nor the alphabet gives the board's order.
    for (id, column) in ids.into_iter().zip(Column::ALL.into_iter().rev()) {
        on.store.move_card(id, &to(column, 0), now()).await.unwrap();
    }
    let cards = on.store.cards(None).await.unwrap();
    assert_eq!(cards.iter().map(|card| card.title.as_str()).collect::<String>(), "fgedcba");
    for _ in 0..5 {
        assert_eq!(on.store.cards(None).await.unwrap(), cards);
    }
}

async fn deleting_a_card_deletes_its_executions_and_logs(on: Ground) {
    let execution = on.log_of(3).await;
    let card = on.store.execution(execution).await.unwrap().card_id;
    let next = execution_id();
    on.store.finish(execution, &success(), next, now()).await.unwrap();
    on.store.finish(next, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    assert_eq!(on.store.log(execution, ALL, 10).await.unwrap().logs.len(), 3, "and now in the cache");

    on.store.purge_card(card, now()).await.unwrap();
    assert_eq!(on.store.purge(card).await.unwrap().unwrap().executions, [execution, next]);
    not_found(on.store.card(card).await);
    not_found(on.store.execution(execution).await);
    not_found(on.store.log(execution, ALL, 10).await);
    not_found(on.store.log_uncached(execution, ALL, 10).await);
    not_found(on.store.purge_card(card, now()).await);
    on.purge_all().await;
    for table in ["cards", "executions", "log_lines"] {
        assert_eq!(on.count(table).await, 0, "{table}");
    }
}

async fn a_running_card_is_not_deleted(on: Ground) {
    let (card, execution) = on.running_card().await;
    assert!(conflict(on.store.purge_card(card, now()).await).contains("running"));
    assert_eq!(on.store.running_execution(execution).await.unwrap().card_id, card);
}

async fn a_deleted_card_can_be_restored_to_where_it_stood(on: Ground) {
    let [_, b, c] = backlog(&on, ["a", "b", "c"]).await;
    let discard = CardEdit { discarded: Some(true), ..CardEdit::default() };
    let restore = CardEdit { archived: Some(false), ..CardEdit::default() };
    let card = on.store.edit_card(b, &discard, now()).await.unwrap();
    assert!(card.discarded_at.is_some() && card.archived_at.is_some());
    assert_eq!(column(&on, Column::Backlog).await, ["a", "c"]);
    assert_eq!(on.store.archived_cards(None).await.unwrap(), std::slice::from_ref(&card));
    // Twice is once, and archiving it changes nothing.
    let archive = CardEdit { archived: Some(true), ..CardEdit::default() };
    for edit in [&discard, &archive] {
        assert_eq!(on.store.edit_card(b, edit, now()).await.unwrap().discarded_at, card.discarded_at);
    }
    let card = on.store.edit_card(b, &restore, now()).await.unwrap();
    assert_eq!((card.discarded_at, card.archived_at), (None, None));
    assert_eq!(column(&on, Column::Backlog).await, ["a", "b", "c"]);
    // Where the column has become shorter, at its end.
    on.store.edit_card(c, &discard, now()).await.unwrap();
    on.store.move_card(b, &to(Column::Done, 0), now()).await.unwrap();
    on.store.edit_card(c, &restore, now()).await.unwrap();
    assert_eq!(column(&on, Column::Backlog).await, ["a", "c"]);

    let (running, _) = on.running_card().await;
    assert!(conflict(on.store.edit_card(running, &discard, now()).await).contains("running"));
    assert_eq!(on.store.card(running).await.unwrap().discarded_at, None);
}

async fn what_was_deleted_long_enough_ago_is_known(on: Ground) {
    let [a, b, c] = backlog(&on, ["a", "b", "c"]).await;
    let at = |seconds: i64| Timestamp::from_millis(now().as_millis() + 1000 * seconds);
    let (old, new) = (at(-100), at(-10));
    let discard = CardEdit { discarded: Some(true), ..CardEdit::default() };
    on.store.edit_card(a, &discard, old).await.unwrap();
    on.store.edit_card(b, &discard, new).await.unwrap();
    on.store.edit_card(c, &CardEdit { archived: Some(true), ..CardEdit::default() }, old).await.unwrap();
    assert_eq!(on.store.discarded_before(new).await.unwrap(), [a]);
    on.store.edit_card(a, &CardEdit { archived: Some(false), ..CardEdit::default() }, new).await.unwrap();
    assert_eq!(on.store.discarded_before(new).await.unwrap(), []);
}

async fn a_model_is_named_and_taken_back(on: Ground) {
    let id = on.card().await;
    let model = |name: &str| CardEdit { model: Some(name.into()), ..CardEdit::default() };
    assert_eq!(on.store.edit_card(id, &model("opus"), now()).await.unwrap().model.as_deref(), Some("opus"));
    assert_eq!(on.store.edit_card(id, &CardEdit::default(), now()).await.unwrap().model.as_deref(), Some("opus"));
    assert_eq!(on.store.edit_card(id, &model(""), now()).await.unwrap().model, None);
}

async fn a_column_has_the_limit_that_was_set_last(on: Ground) {
    assert_eq!(on.store.wip_limits().await.unwrap(), []);
    for (column, cards) in [(Column::Test, Some(2)), (Column::Plan, Some(5)), (Column::Test, Some(3))] {
        on.store.set_wip_limit(column, cards).await.unwrap();
    }
    assert_eq!(on.store.wip_limits().await.unwrap(), [(Column::Plan, 5), (Column::Test, 3)]);
    on.store.set_wip_limit(Column::Plan, None).await.unwrap();
    on.store.set_wip_limit(Column::Done, None).await.unwrap();
    assert_eq!(on.store.wip_limits().await.unwrap(), [(Column::Test, 3)]);
}

async fn a_worktree_is_written_on_the_card(on: Ground) {
    let id = on.card().await;
    let before = on.store.card(id).await.unwrap();
    on.store.set_worktree(id, "cardume/1-title", "/data/worktrees/1", now()).await.unwrap();
    let card = on.store.card(id).await.unwrap();
    assert_eq!(card.branch.as_deref(), Some("cardume/1-title"));
    assert_eq!(card.worktree_path.as_deref(), Some("/data/worktrees/1"));
    assert!(card.version > before.version);
    not_found(on.store.set_worktree(CardId(Uuid::now_v7()), "b", "p", now()).await);
}

async fn nul_becomes_the_replacement_character_on_cards(on: Ground) {
    let text = NewCard { description: "\0".into(), ..titled(on.project().await, "a\0b") };
    let card = on.store.insert_card(CardId(Uuid::now_v7()), &text, "demo", now()).await.unwrap();
    assert_eq!((card.title.as_str(), card.description.as_str()), ("a\u{fffd}b", "\u{fffd}"));
    let edit = CardEdit { title: Some("\0".into()), ..CardEdit::default() };
    assert_eq!(on.store.edit_card(card.id, &edit, now()).await.unwrap().title, "\u{fffd}");
}
