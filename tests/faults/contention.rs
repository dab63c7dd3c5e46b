//! Row 13: two browsers and a terminal act on one card at the same moment.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::oracle;
use crate::rounds::Round;
use crate::scenes;
use crate::scribe::{self, Part, Script};
use crate::support::Server;

crate::on_both_databases!(row_13_all_act_on_one_card_at_once, row_13_of_two_edits_at_once_none_is_lost_silently);

fn row_13_all_act_on_one_card_at_once(round: &mut Round) {
    let server = round.prepare().start();
    let project = server.add_project(&server.repository("repository"));
    let lasting = Duration::from_secs(if round.is_thorough { 12 } else { 4 });
    let card = server.add_card(&project, "Wanted by all", scribe::NAME);
    Script::default().with("plan", Part::default().lines(&mut round.rng, 20, 0.2)).write(server.home(), &card);
    let seeds: [u64; 3] = std::array::from_fn(|_| round.rng.random());
    let (deadline, together) = (Instant::now() + lasting, Barrier::new(3));
    std::thread::scope(|scope| {
        for seed in &seeds[..2] {
            scope.spawn(|| {
                let mut rng = ChaCha8Rng::seed_from_u64(*seed);
                together.wait();
                while Instant::now() < deadline {
                    let answer = act(&server, &card, &mut rng);
                    assert!(matches!(answer.status, 200 | 202 | 409 | 422), "{answer:?}\n{}", server.own_log());
                }
            });
        }
        scope.spawn(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seeds[2]);
            together.wait();
            while Instant::now() < deadline {
                let command = if rng.random_bool(0.5) { "cancel" } else { "retry" };
                let output = server.cardume(&[command, &card]).output().unwrap();
                // Done, or refused in one line.
                let words = String::from_utf8_lossy(&output.stderr);
                assert!(matches!(output.status.code(), Some(0 | 1)), "{command}: {output:?}");
                assert!(output.status.success() || words.trim().lines().count() == 1, "{command}: {words}");
            }
        });
    });
    // Whoever was last, the card stands somewhere that makes sense.
    let settled = server.wait_for_card(&card, "an end", |card| {
        let status = card["activeExecution"]["status"].as_str();
        status.is_none_or(|status| status != "running")
    });
    for execution in server.executions(&card) {
        assert_ne!(execution["status"], "running", "{settled:#}");
        oracle::all_rows(&server, oracle::id(&execution));
    }
    oracle::assert_started_once_each(server.home());
    assert_only_one_delete_wins(&server, &card);
}

/// One request of a browser that does as it pleases.
fn act(server: &Server, card: &str, rng: &mut ChaCha8Rng) -> crate::support::Answer {
    let path = |rest: &str| format!("/api/cards/{card}{rest}");
    let version = || server.card(card)["version"].clone();
    match rng.random_range(0..6) {
        0 => server.post(&path("/run"), Value::Null),
        1 => server.post(&path("/cancel"), Value::Null),
        2 => server.post(&path("/retry"), json!({})),
        3 => server
            .patch(&path(""), json!({ "title": format!("Title {}", rng.random_range(0..100)), "version": version() })),
        4 => {
            let column = ["backlog", "plan", "implement", "done"][rng.random_range(0..4)];
            server.patch(&path("/move"), json!({ "columnId": column, "position": 0, "version": version() }))
        }
        _ => server.patch(&path(""), json!({ "description": "x".repeat(rng.random_range(0..100)) })),
    }
}

fn assert_only_one_delete_wins(server: &Server, card: &str) {
    let together = Barrier::new(3);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let delete = || {
            together.wait();
            server.delete(&format!("/api/cards/{card}")).status
        };
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(delete)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 204).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 404).count(), 2, "{answers:?}");
}

fn row_13_of_two_edits_at_once_none_is_lost_silently(round: &mut Round) {
    let server = round.prepare().start();
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "A card", scribe::NAME);
    // A third works on the card meanwhile: its run moves the version on too.
    Script::seeded(&mut round.rng, 20, 0.3).write(server.home(), &card);
    scenes::run_card(&server, &card);
    let edits = if round.is_thorough { 40 } else { 12 };
    let refused = AtomicBool::new(false);
    let words: Vec<String> = std::thread::scope(|scope| {
        let edit = |name: &'static str| {
            let (server, card, refused) = (&server, &card, &refused);
            move || {
                let mut accepted = vec![];
                while accepted.len() < edits {
                    let seen = server.card(card);
                    let word = format!("{name}{}", accepted.len());
                    let text = format!("{} {word}", seen["description"].as_str().unwrap());
                    let edit = json!({ "description": text, "version": seen["version"] });
                    let answer = server.patch(&format!("/api/cards/{card}"), edit);
                    match answer.status {
                        200 => accepted.push(word),
                        _ => {
                            answer.problem(409);
                            refused.store(true, Ordering::Relaxed);
                        }
                    }
                }
                accepted
            }
        };
        let clients = [scope.spawn(edit("a")), scope.spawn(edit("b"))];
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let description = server.card(&card)["description"].as_str().unwrap().to_owned();
    let kept: Vec<&str> = description.split_whitespace().collect();
    assert_eq!(kept.len(), words.len(), "{description}");
    assert!(words.iter().all(|word| kept.contains(&word.as_str())), "{words:?} were accepted, {kept:?} are kept");
    assert!(refused.load(Ordering::Relaxed), "two never met: this shows nothing");
    server.wait_for_stage(&card, "completed");
}
