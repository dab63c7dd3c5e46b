//! Whether anything was committed since one last looked.

use cardume::domain::*;
use cardume::server::store::CacheLimits;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(whoever_commits_changes_the_mark, what_is_read_after_equal_marks_is_equal_while_others_write,);

async fn whoever_commits_changes_the_mark(on: Ground) {
    let card = on.card().await;
    let other = on.another_store(CacheLimits::default()).await;
    let mut before = on.store.mark().await.unwrap();
    // Other tests commit to the same Postgres.
    if !on.is_postgres() {
        on.store.cards(None).await.unwrap();
        assert_eq!(on.store.mark().await.unwrap(), before, "nothing was committed");
    }
    let edit = |title: &str| CardEdit { title: Some(title.into()), ..CardEdit::default() };
    on.store.edit_card(card, &edit("by this store"), now()).await.unwrap();
    for who in ["this store", "another store", "another connection"] {
        let after = on.store.mark().await.unwrap();
        assert_ne!(after, before, "{who}");
        before = after;
        match who {
            "this store" => drop(other.edit_card(card, &edit("by another store"), now()).await.unwrap()),
            _ => drop(sqlx::query("update cards set title = 'by hand'").execute(&on.raw).await.unwrap()),
        }
    }
    other.close().await;
}

async fn what_is_read_after_equal_marks_is_equal_while_others_write(on: Ground) {
    let card = on.card().await;
    let other = on.another_store(CacheLimits::default()).await;
    let writer = tokio::spawn(async move {
        for number in 0..150 {
            let edit = CardEdit { title: Some(format!("Title {number}")), ..CardEdit::default() };
            other.edit_card(card, &edit, now()).await.unwrap();
            other
                .insert_card(
                    CardId(Uuid::now_v7()),
                    &titled(other.card(card).await.unwrap().project_id, "x"),
                    "demo",
                    now(),
                )
                .await
                .unwrap();
        }
        other.close().await;
    });
    let mut known = None;
    let mut compared = 0;
    while !writer.is_finished() || compared == 0 {
        let before = on.store.mark().await.unwrap();
        let cards = on.store.cards(None).await.unwrap();
        // What was read is what there was at the mark, unless something was committed in between.
        let is_exact = on.store.mark().await.unwrap() == before;
        if let Some((at, kept)) = known.replace((before.clone(), cards.clone()))
            && at == before
            && is_exact
        {
            assert_eq!(kept, cards, "{before:?}");
            compared += 1;
        }
    }
    writer.await.unwrap();
}
