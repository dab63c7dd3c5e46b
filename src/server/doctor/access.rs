//! Whether those who can reach the server are asked for anything.

use super::{Finding, well, wrong};
use crate::server::config::Config;
use crate::server::store::Store;

/// `store` is there where its schema is this Cardume's; else nobody knows of tokens in it.
pub async fn examine(config: &Config, store: Option<&Store>) -> Finding {
    let subject = "access";
    let has_made = match store {
        Some(store) => store.has_credentials().await.unwrap_or(false),
        None => false,
    };
    let on_loopback = config.addr.ip().to_canonical().is_loopback();
    let is_asked = has_made || (config.access.token.is_some() && (config.access.required || !on_loopback));
    match (on_loopback, is_asked) {
        (_, true) => well(subject, "a token or a login is wanted"),
        (true, false) if config.access.required => well(subject, "the link that is printed at start is wanted"),
        (true, false) => well(subject, "nobody is asked, and only this machine reaches it"),
        (false, false) => wrong(
            subject,
            format!("others can reach {}: make a token (cardume token new NAME), or listen on 127.0.0.1", config.addr),
        ),
    }
}
