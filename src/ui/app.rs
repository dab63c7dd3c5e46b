//! The frame of every page: the document, the routes, the effects that live as long as the page.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos::tachys::html::attribute::custom::custom_attribute;
use leptos_i18n::Locale as _;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::location::RequestUrl;
use leptos_router::{Lazy, SsrMode, path};

use super::hooks::{
    Preferences, Theme, provide_clock, provide_connection, provide_hydrated, provide_notifications,
    provide_page_dialogs, provide_visit, use_preferences,
};
use super::kit::ConnectionStatus;
use super::pages::{NotFound, PageRoute, Part};
use super::palette::Commands;
use super::run::LastPutAway;
use crate::ui::tr;

/// The addresses of what the page loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    pub css: String,
    /// Empty where the server was built without a browser bundle: the page then works as plain HTML.
    pub js: String,
    /// The part that is needed first.
    pub wasm: String,
    /// What the board needs besides.
    pub board: Vec<String>,
    /// What a card's page needs besides.
    pub card: Vec<String>,
    /// What the usage page needs besides.
    pub usage: Vec<String>,
}

/// Over plain HTTP to another machine a browser says of a form only that it comes from nowhere, which anybody's might; of
/// what a script asks it says whose it is. So there the forms that nobody has handled are sent by this script.
pub const FORMS_OVER_PLAIN_HTTP: &str = r#"isSecureContext||addEventListener("submit",async e=>{const f=e.target;if(e.defaultPrevented||f.method!="post")return;e.preventDefault();const r=await fetch(f.action,{method:"POST",headers:{accept:"text/html"},body:new URLSearchParams(new FormData(f,e.submitter))});if(r.ok)location.assign(r.url);else document.body.replaceWith(new DOMParser().parseFromString(await r.text(),"text/html").body)})"#;

/// The whole document. `logged_in`: the browser has a session that it can end, and the page offers that.
pub fn shell(assets: Assets, logged_in: bool) -> impl IntoView {
    let Preferences { theme, language } = use_preferences();
    let forced = (theme != Theme::System).then_some(theme.as_str());
    view! {
        <!DOCTYPE html>
        <html lang=language.as_str() data-session=logged_in.then_some("") data-theme=forced>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content=theme.color_scheme() />
                <GroundColour theme=theme />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=assets.css.clone() />
                <script nonce=use_nonce()>{FORMS_OVER_PLAIN_HTTP}</script>
                <Bundle assets=assets />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// What a browser paints around the page: `--ground` of `style/tokens.css`, in the form that it wants.
#[component]
fn GroundColour(theme: Theme) -> impl IntoView {
    let meta = |media: &'static str, colour: &'static str| {
        // view! takes media for an attribute of other elements only.
        view! { <meta name="theme-color" {..custom_attribute("media", media)} content=colour /> }
    };
    let (light, dark) = ("#f5f6f8", "#14171c");
    match theme {
        Theme::System => {
            vec![meta("(prefers-color-scheme: light)", light), meta("(prefers-color-scheme: dark)", dark)]
        }
        Theme::Light => vec![meta("all", light)],
        Theme::Dark => vec![meta("all", dark)],
    }
}

/// Starts the browser's side. The script in the page is a module: it waits until the document is there, and then fetches
/// all that this page needs at once. (A preload of the WASM would not be used in time on a slow machine, and the browser
/// complains.)
#[component]
fn Bundle(assets: Assets) -> impl IntoView {
    let url = use_context::<RequestUrl>().and_then(|url| url.parse().ok());
    let page = url.map(|url| Part::at(url.path()));
    let Assets { js, wasm, board, card, usage, .. } = assets;
    (!js.is_empty()).then(|| {
        let parts = match page {
            Some(Part::Board) => board,
            Some(Part::Card) => card,
            Some(Part::Usage) => usage,
            None => vec![],
        };
        let start = format!(
            "const [wasm, ...parts] = {:?}.map(url => [url, fetch(url)]); \
             const {{ default: init, hydrate, expect }} = await import({js:?}); \
             expect(parts); await init({{ module_or_path: wasm[1] }}); hydrate();",
            [vec![wasm], parts].concat(),
        );
        view! {
            <link rel="modulepreload" href=js nonce=use_nonce() />
            <script type="module" nonce=use_nonce()>
                {start}
            </script>
        }
    })
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_hydrated();
    provide_clock();
    provide_connection();
    provide_visit();
    provide_page_dialogs();
    provide_notifications();
    LastPutAway::provide();
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Cardume".to_owned() } else { format!("{page} · Cardume") } />
        <a class="skip" href="#main" rel="external">
            {tr!(page.skip)}
        </a>
        <Router>
            <FlatRoutes fallback=|| view! { <NotFound /> }>
                <Route path=path!("/") view={Lazy::<PageRoute>::new()} ssr=SsrMode::Async />
                <Route path=path!("/cards/:id") view={Lazy::<PageRoute>::new()} ssr=SsrMode::Async />
                <Route path=path!("/usage") view={Lazy::<PageRoute>::new()} ssr=SsrMode::Async />
            </FlatRoutes>
            <Commands />
        </Router>
        <ConnectionStatus />
    }
}
