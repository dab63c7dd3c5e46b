//! What belongs to the HTTP answer around the page.

use leptos::prelude::*;
use leptos::server_fn::error::ServerFnUrlError;
use leptos_router::hooks::use_query_map;

use crate::api::Failure;
use crate::ui::failures::change_failure;

/// Gives the page that is being rendered the status 404.
#[cfg(feature = "ssr")]
pub fn say_not_found() {
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
}

/// The answer has been given long ago.
#[cfg(not(feature = "ssr"))]
pub fn say_not_found() {}

/// Why the form that was sent before the WASM had arrived was refused: the answer sends the browser back here, with the
/// failure in the address. Read from the address on both sides, so that both render the same.
pub fn failure_in_url() -> Option<String> {
    let encoded = use_query_map().read_untracked().get("__err")?;
    Some(change_failure(&ServerFnUrlError::<Failure>::decode_err(&encoded)))
}
