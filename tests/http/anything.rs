//! Whatever is sent, there is a definite answer, and the server lives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::server;
use crate::server::Server;

const CASES: u32 = 300;

/// Sends a request as it is, and answers the status; `None` where the connection was closed without a word.
fn status_of(server: &Server, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request).ok()?;
    stream.shutdown(std::net::Shutdown::Write).ok()?;
    let mut answer = vec![];
    let read = stream.read_to_end(&mut answer);
    if let Err(error) = read {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "no answer to {:?}", String::from_utf8_lossy(request));
    }
    let text = String::from_utf8_lossy(&answer);
    (!answer.is_empty()).then(|| text.strip_prefix("HTTP/1.1 ").expect(&text)[..3].parse().unwrap())
}

fn check(server: &Server, cases: u32, requests: impl Strategy<Value = Vec<u8>>) {
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&requests, |request| {
        if let Some(status) = status_of(server, &request) {
            prop_assert!((200..500).contains(&status), "{}: {:?}", status, String::from_utf8_lossy(&request));
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}\nthe server's log:\n{}", server.own_log()));
    assert_eq!(server.get("/health").status, 200);
    assert!(!server.own_log().contains("panicked"), "{}", server.own_log());
}

fn method() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("GET"), Just("POST"), Just("PATCH"), Just("DELETE"), Just("PUT"), Just("OPTIONS"), Just("HEAD")]
}

/// A known address, its parameters filled with anything that an address may hold.
fn target() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[!-~]{0,40}",
        Just("019a0000-0000-7000-8000-000000000000".to_owned()),
        prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| bytes.iter().map(|byte| format!("%{byte:02X}")).collect()),
    ];
    let place = prop::sample::select(vec![
        "/",
        "/cards/",
        "/login",
        "/login/",
        "/logout",
        "/health",
        "/pkg/",
        "/api/",
        "/api/cards",
        "/api/cards/",
        "/api/projects",
        "/api/agents",
        "/api/logs/",
        "/api/executions/",
        "/api/openapi.json",
        "/fn/",
        "/fn/run_card",
        "/fn/poll_board",
        "/fn/card_details",
        "/fn/read_log",
        "/fn/create_card",
        "/fn/edit_card",
        "/fn/move_card",
    ]);
    let end =
        prop::sample::select(vec!["", "/run", "/move", "/retry", "/cancel", "/logs", "/executions", "/workflow-state"]);
    let query = prop::option::of(prop_oneof!["[!-~]{0,60}", "(after|limit|projectId|from|__err|next)=[!-~]{0,30}"]);
    (place, word, end, query).prop_map(|(place, word, end, query)| {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{place}{word}{end}{query}").replace([' ', '#'], "")
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let member = prop_oneof![
        Just("null".to_owned()),
        Just("-1".to_owned()),
        Just("1e308".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
    ];
    let name = prop::sample::select(vec![
        "title",
        "description",
        "projectId",
        "agent",
        "path",
        "name",
        "columnId",
        "position",
        "version",
        "stage",
        "error",
        "id",
        "card",
        "edit",
        "to",
        "seen",
        "slice",
        "limit",
        "execution",
        "project",
    ]);
    let json = prop::collection::vec((name, member), 0..6).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    prop_oneof![
        json,
        prop::collection::vec(any::<u8>(), 0..300),
        "(id|stage|password|next)=[ -~]{0,40}".prop_map(String::into_bytes)
    ]
}

#[test]
fn any_request_of_a_known_kind_has_a_definite_answer() {
    let server = server();
    let kind =
        prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "text/plain", "", "a/b;"]);
    let accept = prop::sample::select(vec!["*/*", "text/html", "application/json"]);
    let requests = (method(), target(), kind, accept, body()).prop_map(|(method, target, kind, accept, body)| {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\naccept: {accept}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    });
    check(&server, CASES, requests);
}

#[test]
fn any_headers_have_a_definite_answer() {
    let server = server();
    let name = prop_oneof![
        prop::sample::select(vec![
            "host",
            "origin",
            "sec-fetch-site",
            "sec-fetch-mode",
            "cookie",
            "authorization",
            "content-length",
            "transfer-encoding",
            "accept-encoding",
            "if-none-match",
            "range",
            "expect",
            "upgrade",
            "connection",
            "referer",
            "content-type",
            "x-forwarded-for",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z-]{1,20}",
    ];
    let value = prop_oneof![prop::collection::vec(any::<u8>(), 0..60), "[ -~]{0,60}".prop_map(String::into_bytes)];
    let headers = prop::collection::vec((name, value), 0..8);
    let requests = (method(), target(), headers, body()).prop_map(|(method, target, headers, body)| {
        let mut request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n").into_bytes();
        for (name, value) in headers {
            request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        [request, b"\r\n".to_vec(), body].concat()
    });
    check(&server, CASES, requests);
}

#[test]
fn any_bytes_at_all_do_no_harm() {
    let server = server();
    check(&server, CASES / 3, prop::collection::vec(any::<u8>(), 1..600));
}
