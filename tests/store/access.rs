//! Tokens, the password, links and sessions.

use cardume::domain::Timestamp;
use cardume::server::store::{Grant, StoreError};

use crate::ground::Ground;

crate::on_both_engines!(
    credentials_are_known_to_be_there,
    a_token_goes_with_its_sessions,
    a_password_goes_with_its_sessions,
    a_link_is_taken_once_and_in_time,
    a_session_ends_in_its_time
);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

async fn credentials_are_known_to_be_there(ground: Ground) {
    let store = &ground.store;
    assert!(!store.has_credentials().await.unwrap());
    store.add_token("laptop", "hash", at(1)).await.unwrap();
    assert!(store.has_credentials().await.unwrap());
    store.revoke_token("laptop").await.unwrap();
    assert!(!store.has_credentials().await.unwrap());
    store.set_password(Some("argon"), at(1)).await.unwrap();
    store.set_password(Some("argon again"), at(2)).await.unwrap();
    assert_eq!(store.password().await.unwrap().as_deref(), Some("argon again"));
    assert!(store.has_credentials().await.unwrap());
    store.set_password(None, at(3)).await.unwrap();
    assert!(!store.has_credentials().await.unwrap() && store.password().await.unwrap().is_none());
}

async fn a_token_goes_with_its_sessions(ground: Ground) {
    let store = &ground.store;
    store.add_token("laptop", "one", at(1)).await.unwrap();
    store.add_token("phone", "two", at(2)).await.unwrap();
    assert!(matches!(store.add_token("laptop", "three", at(3)).await, Err(StoreError::Conflict(_))));
    let names: Vec<_> =
        store.tokens().await.unwrap().into_iter().map(|token| (token.name.clone(), token.created_at())).collect();
    assert_eq!(names, [("laptop".to_owned(), at(1)), ("phone".to_owned(), at(2))]);
    assert_eq!(store.token_of("two").await.unwrap().as_deref(), Some("phone"));
    for (session, token) in [("a", "laptop"), ("b", "phone")] {
        store.open_session(session, &Grant::Token(token.into()), at(5), at(100)).await.unwrap();
    }
    store.revoke_token("laptop").await.unwrap();
    assert!(matches!(store.revoke_token("laptop").await, Err(StoreError::NotFound(_))));
    assert_eq!(store.token_of("one").await.unwrap(), None);
    assert!(!store.has_session("a", at(6)).await.unwrap() && store.has_session("b", at(6)).await.unwrap());
}

async fn a_password_goes_with_its_sessions(ground: Ground) {
    let store = &ground.store;
    store.set_password(Some("argon"), at(1)).await.unwrap();
    store.open_session("by password", &Grant::Password, at(1), at(100)).await.unwrap();
    store.open_session("by link", &Grant::Link, at(1), at(100)).await.unwrap();
    store.set_password(Some("another"), at(2)).await.unwrap();
    assert!(!store.has_session("by password", at(3)).await.unwrap());
    assert!(store.has_session("by link", at(3)).await.unwrap());
}

async fn a_link_is_taken_once_and_in_time(ground: Ground) {
    let store = &ground.store;
    for (hash, expires) in [("one", 10), ("two", 20)] {
        store.add_link(hash, at(1), at(expires)).await.unwrap();
    }
    assert!(!store.take_link("one", at(10)).await.unwrap(), "too late");
    assert!(!store.take_link("three", at(2)).await.unwrap(), "no such link");
    let tries = (0..8).map(|_| store.take_link("two", at(19)));
    let taken = futures::future::join_all(tries).await.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
    assert_eq!(taken, 1);
}

async fn a_session_ends_in_its_time(ground: Ground) {
    let store = &ground.store;
    store.open_session("one", &Grant::Configured, at(1), at(10)).await.unwrap();
    assert!(store.has_session("one", at(9)).await.unwrap() && !store.has_session("one", at(10)).await.unwrap());
    store.open_session("two", &Grant::Configured, at(11), at(100)).await.unwrap();
    store.end_session("two").await.unwrap();
    assert!(!store.has_session("two", at(12)).await.unwrap() && !store.has_session("one", at(9)).await.unwrap());
}
