//! Each page's code is a part of the bundle of its own, so that a visit loads the code of the page that it is of.
//!
//! `scripts/bundle.mjs` cuts the compiled program at the functions marked here. What one page alone needs is in its
//! part, what all need in a part that comes along with each, and what is needed before any page in the main one.

use std::future::pending;

use futures::FutureExt;
use leptos::prelude::*;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos_router::LazyRoute;
use leptos_router::hooks::use_url;

use super::{board::BoardPage, card::CardPage, usage::UsagePage};
use crate::ui::hooks::piece;

/// A page whose code comes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Board,
    Card,
    Usage,
}

impl Part {
    /// The one that is shown at this path. What is nowhere leads to the board.
    pub fn at(path: &str) -> Self {
        match path.split('/').find(|segment| !segment.is_empty()) {
            Some("cards") => Self::Card,
            Some("usage") => Self::Usage,
            _ => Self::Board,
        }
    }

    /// Fetches the code, unless it is there.
    pub async fn load(self) -> Result<(), SplitLoaderError> {
        match self {
            Self::Board => load_board().await,
            Self::Card => load_card().await,
            Self::Usage => load_usage().await,
        }
    }

    /// The page, once its code is there.
    fn page(self) -> AnyView {
        let page = match self {
            Self::Board => board().now_or_never(),
            Self::Card => card().now_or_never(),
            Self::Usage => usage().now_or_never(),
        };
        page.and_then(Result::ok).unwrap_or_else(|| ().into_any())
    }

    /// What has to be there before the page that a link led to is shown. Where the code cannot be had, as the server has
    /// another version by now, the browser loads the page as if there had been no program at all.
    async fn load_or_leave(self) {
        if self.load().await.is_err() {
            let address = use_url().with_untracked(|url| format!("{}?{}", url.path(), url.search()));
            // Refused only for what is no address.
            let _ = location().assign(address.trim_end_matches('?'));
            pending::<()>().await;
        }
    }
}

// The names are those of the parts in the bundle's manifest.

#[wasm_split(board, wasm_split_path = leptos::wasm_split, preload(load_board), fallible)]
fn board() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <BoardPage /> }.into_any())
}

#[wasm_split(card, wasm_split_path = leptos::wasm_split, preload(load_card), fallible)]
fn card() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <CardPage /> }.into_any())
}

#[wasm_split(usage, wasm_split_path = leptos::wasm_split, preload(load_usage), fallible)]
fn usage() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <UsagePage /> }.into_any())
}

/// Whichever page is at the address, for the router. One type for all of them: what the router does with a type, it would
/// do with each anew.
pub struct PageRoute;

impl LazyRoute for PageRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        let part = Part::at(&use_url().with_untracked(|url| url.path().to_owned()));
        part.load_or_leave().await;
        piece(move || view! { <div class="whole">{part.page()}</div> }).into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_page_whose_code_is_needed() {
        for (path, part) in [
            ("/", Part::Board),
            ("/cards/1", Part::Card),
            ("//cards/1/", Part::Card),
            ("/usage", Part::Usage),
            ("/nowhere", Part::Board),
        ] {
            assert_eq!(Part::at(path), part, "{path}");
        }
    }
}
