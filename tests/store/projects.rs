//! Projects.

use cardume::domain::*;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(a_project_is_found_by_id_and_path, a_path_is_one_project);

async fn a_project_is_found_by_id_and_path(on: Ground) {
    let project = Project {
        id: ProjectId(Uuid::now_v7()),
        name: "Cardume".into(),
        path: "/tmp/a path with ' and \" and ü".into(),
        created_at: now(),
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
    let again = Project { id: ProjectId(Uuid::now_v7()), ..on.store.project(id).await.unwrap() };
    assert!(conflict(on.store.insert_project(&again).await).contains("already"));
    assert_eq!(on.store.projects().await.unwrap().len(), 1);
}
