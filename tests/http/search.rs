//! Searching logs.

use serde_json::json;

use super::server::{GOOD_AGENT, Server, clean_command, eventually};
use super::{NOBODY, server};

#[test]
fn a_log_is_searched_for_words_by_their_beginnings() {
    let server = Server::prepare()
        .agent("chatty", &format!("seq -f 'Linha número %.0f; exit_code=0' 1 2000\n{GOOD_AGENT}"))
        .start();
    let card = server.run_new_card("chatty");
    server.wait_for_stage(&card, "completed");
    let plan = server.executions(&card).remove(0);
    let path = format!("/api/executions/{}/logs/search", plan["id"].as_str().unwrap());

    let found = server.get(&format!("{path}?q=numero%201234")).json();
    let rows = found["matches"].as_array().unwrap();
    assert_eq!((rows.len(), &found["more"]), (1, &json!(false)), "{found}");
    assert_eq!(rows[0]["content"], "Linha número 1234; exit_code=0");
    assert_eq!(rows[0]["ranges"], json!([[6, 13], [14, 18]]));
    assert_eq!(rows[0]["type"], "text");

    let mut sequences = vec![];
    loop {
        let after = sequences.last().copied().unwrap_or(0);
        let piece = server.get(&format!("{path}?q=EXIT+code&limit=300&after={after}")).json();
        sequences.extend(piece["matches"].as_array().unwrap().iter().map(|row| row["sequence"].as_i64().unwrap()));
        if piece["more"] == false {
            break;
        }
    }
    assert_eq!(sequences.len(), 2000);
    assert!(sequences.is_sorted());

    // Behind the end there is nothing, however far behind.
    let behind = server.get(&format!("{path}?q=exit&after={}", i64::MAX)).json();
    assert_eq!((&behind["matches"], &behind["more"]), (&json!([]), &json!(false)));

    // In all logs: the newest first, whether they are indexed yet or not.
    let all = server.get("/api/search?q=numero+1999").json();
    let runs = all["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4, "{all:#}");
    assert_eq!(runs[0]["card"]["id"], card);
    assert_eq!(runs[0]["matches"][0]["content"], "Linha número 1999; exit_code=0");
    assert_eq!(server.get("/api/search?q=nowhere").json(), json!({ "runs": [] }));
}

#[test]
fn a_restored_server_finds_what_the_first_one_found() {
    let server = Server::prepare().agent("chatty", &format!("seq -f 'line %.0f' 1 600\n{GOOD_AGENT}")).start();
    let card = server.run_new_card("chatty");
    server.wait_for_stage(&card, "completed");
    let found = |server: &Server| server.get("/api/search?q=line+599").json()["runs"].as_array().unwrap().len();
    assert!(eventually(|| found(&server) == 4));
    let file = server.home().join("backup.tar.zst");
    let mut backup = server.cardume(&["backup"]);
    assert!(backup.arg(&file).arg("--data-dir").arg(server.data_dir()).output().unwrap().status.success());
    let restored = Server::prepare();
    let mut restore = clean_command(restored.home());
    let done = restore.arg("restore").arg(&file).arg("--data-dir").arg(restored.home().join("data")).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let restored = restored.start();
    assert!(eventually(|| found(&restored) == 4));
}

#[test]
fn what_cannot_be_searched_for_is_told() {
    let server = server();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let id = server.executions(&card)[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/executions/{id}/logs/search");
    for (query, status, part) in [
        ("", 400, "q"),
        ("?q=", 422, "letter or digit"),
        ("?q=%2A%22%27", 422, "letter or digit"),
        ("?q=a&limit=0", 422, "limit"),
        ("?q=a&limit=1001", 422, "limit"),
        ("?q=a&after=-1", 422, "after"),
        (&format!("?q={}", "a".repeat(201)), 422, "200"),
    ] {
        let told = server.get(&format!("{path}{query}")).problem(status);
        assert!(told.contains(part), "{query}: {told}");
    }
    for path in ["/api/search", "/api/search?q=%20"] {
        let status = server.get(path).status;
        assert!(matches!(status, 400 | 422), "{path}: {status}");
    }
    server.get(&format!("/api/executions/{NOBODY}/logs/search?q=a")).problem(404);
}
