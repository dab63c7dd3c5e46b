//! `/login` and `/logout`: how a browser comes to its session. Pages that are whole in themselves, since everything else
//! wants the session that they are for.

use axum::Router;
use axum::extract::{Form, FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use leptos_i18n::{Locale as _, td_string};
use serde::Deserialize;

use super::preferences::preferences;
use super::problem::Refusal;
use crate::domain::Problem;
use crate::server::security::access::{Access, Denial};
use crate::server::security::{headers, is_local, peer, secret};
use crate::ui::{self, Preferences};

pub fn router(access: Access) -> Router {
    Router::new()
        .route("/login", get(ask).post(log_in))
        .route("/login/{code}", get(redeem))
        .route("/logout", post(log_out))
        .with_state(access)
}

#[derive(Default, Deserialize)]
struct Wish {
    /// Where to go afterwards, on this board.
    next: Option<String>,
}

impl Wish {
    fn place(&self) -> &str {
        self.next.as_deref().filter(|next| is_local(next)).unwrap_or("/")
    }
}

async fn ask(State(access): State<Access>, uri: Uri, headers: HeaderMap) -> Response {
    let wish = Query::<Wish>::try_from_uri(&uri).map(|Query(wish)| wish).unwrap_or_default();
    if !access.is_required() {
        return lead_to(wish.place(), None);
    }
    page(StatusCode::OK, preferences(&headers), "", wish.place())
}

#[derive(Deserialize)]
struct Shown {
    #[serde(alias = "token")]
    password: String,
    #[serde(flatten)]
    wish: Wish,
}

async fn log_in(State(access): State<Access>, request: Request) -> Response {
    let (peer, wanted) = (peer(&request), preferences(request.headers()));
    let language = wanted.language;
    let Ok(Form(Shown { password, wish })) = Form::from_request(request, &()).await else {
        return page(StatusCode::BAD_REQUEST, wanted, td_string!(language, login.empty), "/");
    };
    if !access.is_required() {
        return lead_to(wish.place(), None);
    }
    match access.log_in(password.trim(), peer).await {
        Ok(cookie) => lead_to(wish.place(), Some(cookie)),
        Err(Denial::Unknown(problem)) => Refusal(problem).into_response(),
        Err(Denial::TooMany { wait }) => too_many(wait.as_secs(), wanted, wish.place()),
        Err(Denial::Wrong | Denial::Nothing) => {
            page(StatusCode::UNAUTHORIZED, wanted, td_string!(language, login.neither), wish.place())
        }
    }
}

/// Uses the link up. Not for who only looks whether it is there, or fetches what might be wanted.
async fn redeem(State(access): State<Access>, Path(code): Path<String>, request: Request) -> Response {
    if !access.is_required() {
        return lead_to("/", None);
    }
    let wanted = preferences(request.headers());
    let is_idle = request.headers().contains_key(HeaderName::from_static("sec-purpose"));
    if *request.method() != Method::GET || is_idle {
        return page(StatusCode::OK, wanted, "", "/");
    }
    match access.redeem(&code, peer(&request)).await {
        Ok(cookie) => lead_to("/", Some(cookie)),
        Err(Denial::Unknown(problem)) => Refusal(problem).into_response(),
        Err(Denial::TooMany { wait }) => too_many(wait.as_secs(), wanted, "/"),
        Err(Denial::Wrong | Denial::Nothing) => {
            page(StatusCode::UNAUTHORIZED, wanted, td_string!(wanted.language, login.used), "/")
        }
    }
}

async fn log_out(State(access): State<Access>, request: Request) -> Response {
    match access.log_out(request.headers()).await {
        Ok(cookie) => lead_to("/login", Some(cookie)),
        Err(error) => Refusal(Problem::from(error)).into_response(),
    }
}

fn lead_to(place: &str, cookie: Option<String>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, place);
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn too_many(seconds: u64, wanted: Preferences, next: &str) -> Response {
    let message = td_string!(wanted.language, login.too_many);
    let mut response = page(StatusCode::TOO_MANY_REQUESTS, wanted, message, next);
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// The login page. `next` is local, and so has nothing in it that means anything to HTML.
fn page(status: StatusCode, wanted: Preferences, message: &str, next: &str) -> Response {
    let Ok(nonce) = secret::random::<16>() else { return Refusal(Problem::internal()).into_response() };
    let Preferences { theme, language } = wanted;
    let token = format!("<code>cardume token new {}</code>", td_string!(language, login.name));
    let help = td_string!(language, login.help, token = token, password = "<code>cardume password</code>");
    let html = include_str!("login.html")
        .replace("{lang}", language.as_str())
        .replace("{theme}", theme.as_str())
        .replace("{scheme}", theme.color_scheme())
        .replace("{title}", td_string!(language, login.title))
        .replace("{label}", td_string!(language, login.label))
        .replace("{help}", &help)
        .replace("{nonce}", &nonce)
        // The page loads nothing: what it has of the board's looks is in it.
        .replace("{tokens}", include_str!("../../../style/tokens.css"))
        .replace("{forms}", ui::FORMS_OVER_PLAIN_HTTP)
        .replace("{next}", next)
        .replace("{message}", message);
    let mut response = (status, Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&headers::plain_page_policy(&nonce)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
