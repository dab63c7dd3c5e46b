//! The pages and the server functions, as plain HTTP.

use serde_json::json;

use super::{NOBODY, server};

#[test]
fn the_pages_can_be_read_without_a_script() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "A card with <b>markup</b>", "good");
    for path in ["/".to_owned(), format!("/cards/{card}")] {
        let page = server.get(&path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.text.contains("A card with &lt;b&gt;markup"), "{path}: {}", page.text);
    }
}

#[test]
fn an_unknown_page_is_404_and_still_a_page() {
    let server = server();
    for path in ["/no/such/page", &format!("/cards/{NOBODY}"), "/cards/nonsense"] {
        let page = server.get(path);
        assert_eq!(page.status, 404, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
    }
}

#[test]
fn a_server_function_answers_json_and_fails_with_a_problem() {
    let server = server();
    let board = server.post("/fn/poll_board", json!({ "seen": null }));
    assert_eq!(board.status, 200, "{board:?}");
    assert!(board.json()["revision"].is_string());
    let unknown = server.post("/fn/card_details", json!({ "id": NOBODY }));
    assert_eq!((unknown.status, &unknown.json()["status"]), (404, &json!(404)), "{unknown:?}");
}

#[test]
fn a_board_that_is_kept_is_never_an_old_one() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "Title", "good");
    let board = |seen: &str| server.post("/fn/poll_board", json!({ "seen": seen })).json();
    for number in 0..30 {
        let title = format!("Title {number}");
        assert_eq!(server.patch(&format!("/api/cards/{card}"), json!({ "title": title })).status, 200);
        let known = board("");
        assert_eq!(known["cards"][0]["title"], json!(title));
        assert_eq!(board(known["revision"].as_str().unwrap()), json!(null), "nothing has changed since");
    }
}

#[test]
fn a_form_that_was_sent_before_the_script_came_leads_back_to_its_page() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "A card", "good");
    let referer = format!("{}/cards/{card}", server.url());
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
        ("referer", &*referer),
        ("origin", &*server.url()),
    ];
    for expected in ["the run starts", "it runs already, or is done"] {
        let answer = server.send("POST", "/fn/run_card", &headers, &format!("id={card}"));
        assert!((300..400).contains(&answer.status), "{expected}: {answer:?}");
        assert!(answer.header("location").starts_with(&referer), "{expected}: {answer:?}");
    }
    server.wait_for_stage(&card, "completed");
}

#[test]
fn a_page_runs_only_scripts_that_carry_its_nonce() {
    let server = server();
    let [one, two] = [server.get("/"), server.get("/no/such/page")].map(|page| {
        let policy = page.header("content-security-policy").to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(nonce.len() >= 16 && policy.contains("frame-ancestors 'none'"), "{policy}");
        for script in page.text.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{tag}");
        }
        // What the policy would not let work.
        for word in [" style=", "<style", " onclick=", " onload=", " onsubmit=", "javascript:"] {
            assert!(!page.text.contains(word), "{word}");
        }
        nonce
    });
    assert_ne!(one, two);
    assert!(server.get("/api/cards").header("content-security-policy").contains("default-src 'none'"));
}
