//! What the terminal says and does when an answer is lost on its way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use super::usage::ended;
use crate::server::{GOOD_AGENT, Server, clean_command};

/// Passes requests on to the server; the first `lost` answers to a POST never arrive. Answers its URL.
fn losing(server: &Server, mut lost: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.address().to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let request = read_message(&mut client);
            let mut upstream = TcpStream::connect(&server).unwrap();
            upstream.write_all(&close_after(&request)).unwrap();
            let mut answer = vec![];
            upstream.read_to_end(&mut answer).unwrap();
            if lost > 0 && request.starts_with(b"POST") {
                lost -= 1;
            } else {
                client.write_all(&answer).unwrap();
            }
            let _ = client.shutdown(Shutdown::Both);
        }
    });
    url
}

/// A head, and as much of a body as it says.
fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut message = vec![];
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        message.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&message).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        if count == 0 || body.len() >= length {
            return message;
        }
    }
}

/// So that the answer ends with the connection.
fn close_after(request: &[u8]) -> Vec<u8> {
    let line = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    [&request[..line], b"connection: close\r\n", &request[line..]].concat()
}

fn cardume(server: &Server, url: &str, arguments: &[&str]) -> Command {
    let mut command = clean_command(server.home());
    command.args(arguments).env("CARDUME_SERVER", url);
    command
}

#[test]
fn a_run_whose_answers_are_lost_is_made_once() {
    let server = Server::prepare().agent("good", GOOD_AGENT).start();
    let repository = server.repository("r").display().to_string();
    // Of the project, and of the card.
    let url = losing(&server, 2);
    let arguments = ["run", "--project", &repository, "--title", "Once", "--agent", "good", "--follow"];
    let (status, stdout, stderr) = ended(cardume(&server, &url, &arguments));
    assert_eq!(status, 0, "{stderr}");
    let cards = server.get("/api/cards").json();
    let cards = cards["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 1, "{cards:#?}");
    assert!(stdout.starts_with(cards[0]["id"].as_str().unwrap()), "{stdout}");
    assert_eq!(cards[0]["columnId"], "done");
    assert_eq!(server.executions(cards[0]["id"].as_str().unwrap()).len(), 4);
}

#[test]
fn what_nobody_answers_for_is_said_to_be_unknown() {
    let server = Server::prepare().agent("good", GOOD_AGENT).start();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "A card", "good");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Takes one request, and is gone.
    let taken = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        drop(listener);
        read_message(&mut client)
    });
    let (status, stdout, stderr) = ended(cardume(&server, &url, &["cancel", &card]));
    assert_eq!((status, &*stdout), (1, ""), "{stderr}");
    assert!(stderr.trim_end().lines().last().unwrap().contains("unknown whether"), "{stderr}");
    let request = String::from_utf8(taken.join().unwrap()).unwrap().to_ascii_lowercase();
    assert!(request.starts_with("post ") && request.contains("\r\nidempotency-key: "), "{request}");
}
