//! Projects.

use cardume::domain::*;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    a_project_is_found_by_id_and_path,
    a_path_is_one_project,
    a_run_keeps_to_what_held_when_it_began,
    a_project_goes_with_all_its_cards_or_stays_with_all_of_them,
);

async fn a_project_is_found_by_id_and_path(on: Ground) {
    let project = Project {
        id: ProjectId(Uuid::now_v7()),
        name: "Cardume".into(),
        path: "/tmp/a path with ' and \" and ü".into(),
        created_at: now(),
        mask_secrets: true,
    };
    on.store.insert_project(&project).await.unwrap();
    assert_eq!(on.store.project(project.id).await.unwrap(), project);
    assert_eq!(on.store.project_at(&project.path).await.unwrap().as_ref(), Some(&project));
    assert_eq!(on.store.projects().await.unwrap(), [project]);
    assert_eq!(on.store.project_at("/elsewhere").await.unwrap(), None);
    not_found(on.store.project(ProjectId(Uuid::now_v7())).await);
}

async fn a_path_is_one_project(on: Ground) {
    let id = on.project().await;
    let known = on.store.project(id).await.unwrap();
    let again = Project { id: ProjectId(Uuid::now_v7()), name: "Another name".into(), ..known.clone() };
    assert_eq!(on.store.insert_project(&again).await.unwrap(), (known, false));
    assert_eq!(on.store.projects().await.unwrap().len(), 1);

    let other = on.project().await;
    let path = on.store.project(id).await.unwrap().path;
    let moved = |path: &str| ProjectEdit { path: Some(path.into()), ..ProjectEdit::default() };
    conflict(on.store.edit_project(other, &moved(&path)).await);
    let changed = on.store.edit_project(other, &moved("/elsewhere")).await.unwrap();
    assert_eq!((changed.path.as_str(), changed.mask_secrets), ("/elsewhere", true));
    assert_eq!(on.store.project_at("/elsewhere").await.unwrap(), Some(changed));
}

async fn a_run_keeps_to_what_held_when_it_began(on: Ground) {
    let (card, first) = on.running_card().await;
    let project = on.store.card(card).await.unwrap().project_id;
    assert!(on.store.running_execution(first).await.unwrap().mask_secrets);
    let off = ProjectEdit { mask_secrets: Some(false), path: None };
    assert!(!on.store.edit_project(project, &off).await.unwrap().mask_secrets);
    // What says nothing changes nothing.
    assert!(!on.store.edit_project(project, &ProjectEdit::default()).await.unwrap().mask_secrets);
    assert!(on.store.running_execution(first).await.unwrap().mask_secrets);

    let (other, second) = (CardId(Uuid::now_v7()), execution_id());
    on.store.insert_card(other, &titled(project, "Title"), "demo", now()).await.unwrap();
    on.store.begin(other, START, second, &[], now()).await.unwrap();
    assert!(!on.store.running_execution(second).await.unwrap().mask_secrets);
    not_found(on.store.edit_project(ProjectId(Uuid::now_v7()), &off).await);
}

async fn a_project_goes_with_all_its_cards_or_stays_with_all_of_them(on: Ground) {
    let (project, other) = (on.project().await, on.project().await);
    let [first, second, archived, elsewhere] = std::array::from_fn(|_| CardId(Uuid::now_v7()));
    for (card, project) in [(first, project), (elsewhere, other), (second, project), (archived, project)] {
        on.store.insert_card(card, &titled(project, "Title"), "demo", now()).await.unwrap();
    }
    on.store.edit_card(archived, &CardEdit { archived: Some(true), ..CardEdit::default() }, now()).await.unwrap();
    let execution = execution_id();
    on.store.begin(second, START, execution, &[], now()).await.unwrap();
    let before = on.store.cards(None).await.unwrap();
    assert!(conflict(on.store.purge_project(project, now()).await).contains("Title"));
    assert_eq!(on.store.cards(None).await.unwrap(), before);

    on.store.finish(execution, &failure(ExecutionStatus::Cancelled), execution_id(), now()).await.unwrap();
    on.store.purge_project(project, now()).await.unwrap();
    let gone: Vec<_> = on.store.pending_purges().await.unwrap().into_iter().map(|purge| purge.card).collect();
    assert_eq!(gone.len(), 3);
    assert_eq!(on.store.purge(second).await.unwrap().unwrap().executions, [execution]);
    let left = on.store.cards(None).await.unwrap();
    assert_eq!(left.iter().map(|card| (card.id, card.position)).collect::<Vec<_>>(), [(elsewhere, 0)]);
    not_found(on.store.project(project).await);
    not_found(on.store.purge_project(project, now()).await);
}
