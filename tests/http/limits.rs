//! How much of anything the server takes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server;
use crate::server::Server;

/// Sends this and answers all that comes back until the server closes the connection.
fn raw(server: &Server, request: &[u8]) -> (String, Duration) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let since = Instant::now();
    // It may have answered and closed before all was sent.
    let _ = stream.write_all(request);
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).unwrap();
    let first = since.elapsed();
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut answer);
    (String::from_utf8_lossy(&answer).into_owned(), first)
}

#[test]
fn a_body_that_says_it_is_too_long_is_refused_before_it_is_sent() {
    let server = server();
    for expect in ["", "expect: 100-continue\r\n"] {
        let head = format!(
            "POST /api/cards HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{expect}content-length: 99999999999\r\n\r\n"
        );
        let (answer, after) = raw(&server, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("2 MiB"), "{answer}");
        assert!(!answer.contains("100 Continue") && after < Duration::from_secs(5), "{after:?}");
    }
}

#[test]
fn a_body_in_pieces_is_refused_once_it_is_too_long() {
    let server = server();
    let mut request =
        b"POST /fn/create_card HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..48 {
        request.extend_from_slice(b"10000\r\n");
        request.resize(request.len() + 0x10000, b'x');
        request.extend_from_slice(b"\r\n");
    }
    let (answer, _) = raw(&server, &request);
    assert!(answer.starts_with("HTTP/1.1 413"), "{}", &answer[..answer.len().min(200)]);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn addresses_and_headers_have_an_end() {
    let server = server();
    let with = |line: &str, headers: &str| format!("GET {line} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let status = |request: String| raw(&server, request.as_bytes()).0[9..12].to_owned();
    assert_eq!(status(with("/health", "connection: close\r\n")), "200");
    assert_eq!(status(with(&format!("/{}", "x".repeat(70_000)), "")), "431");
    assert_eq!(status(with("/health", &format!("x: {}\r\n", "x".repeat(40_000)))), "431");
    assert_eq!(status(with("/health", &"x: y\r\n".repeat(100))), "431");
    for (request, why) in [
        ("GET / HTTP/1.1\r\nhost: local\0host\r\n\r\n", "NUL"),
        ("GET / HTTP/1.1\r\nhost localhost\r\n\r\n", "no colon"),
        ("GET /\u{1}x HTTP/1.1\r\nhost: localhost\r\n\r\n", "a control character"),
        ("GARBAGE\r\n\r\n", "garbage"),
    ] {
        assert_eq!(status(request.to_owned()), "400", "{why}");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn who_never_ends_a_request_is_hung_up_on() {
    let server = server();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut silent = slow.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        // A byte now and then does not buy more time.
        for byte in b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ".iter().cycle() {
            if slow.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    });
    let since = Instant::now();
    let mut rest = vec![];
    let _ = silent.read_to_end(&mut rest);
    assert!(since.elapsed() < Duration::from_secs(50), "{:?}", since.elapsed());
    dripping.join().unwrap();
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn connections_beyond_the_limit_wait_and_stop_nobody_for_ever() {
    let server = server();
    let idle: Vec<_> = (0..1100).map_while(|_| TcpStream::connect(server.address()).ok()).collect();
    assert!(idle.len() > 1024, "this machine lets nobody open {} connections", idle.len());
    // Those that say nothing are hung up on after 25 seconds.
    assert_eq!(server.get("/health").status, 200);
}
