//! Whatever here looks like a secret is put together when the test runs, so that no scanner takes this file for a leak.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::string::bytes_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";

/// So many letters, which are the same in every run and look like chance.
fn random(count: usize, letters: &[u8]) -> String {
    let mut state = 0x2545_F491_4F6C_DD1D_u64 ^ count as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(letters[(state % letters.len() as u64) as usize])
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn begin_and_end(kind: &str) -> (String, String) {
    let line = |what| format!("-----{what} {kind}PRIVATE{}KEY-----", ' ');
    (line("BEGIN"), line("END"))
}

/// What a rule is called, and a secret as it looks.
fn samples() -> Vec<(&'static str, String)> {
    let token = |prefix: &[&str], count, letters| prefix.concat() + &random(count, letters);
    vec![
        ("github-pat", token(&["gh", "p_"], 36, LETTERS)),
        ("github-app-token", token(&["gh", "s_"], 36, LETTERS)),
        ("github-oauth", token(&["gh", "o_"], 36, LETTERS)),
        ("github-fine-grained-pat", token(&["github", "_pat_"], 82, LETTERS)),
        ("gitlab-pat", token(&["glp", "at-"], 20, LETTERS)),
        ("aws-access-token", token(&["AK", "IA"], 16, UPPER)),
        ("anthropic-token", token(&["sk-", "ant-api03-"], 93, LETTERS)),
        ("openai-token", token(&["sk-", "proj-"], 74, LETTERS)),
        ("openai-token", token(&["s", "k-"], 48, LETTERS)),
        ("gcp-api-key", token(&["AI", "za"], 35, LETTERS)),
        ("google-oauth-token", token(&["ya", "29."], 60, LETTERS)),
        ("slack-bot-token", ["xox", "b-123456789012-123456789012-", &random(24, LETTERS)].concat()),
        ("slack-webhook-url", ["https://hooks.", "slack.com/services/", &random(44, LETTERS)].concat()),
        ("stripe-access-token", token(&["sk", "_live_"], 24, LETTERS)),
        ("npm-access-token", token(&["np", "m_"], 36, LETTERS)),
        ("pypi-upload-token", token(&["pypi-", "AgEIcHlwaS5vcmc"], 70, LETTERS)),
        ("rubygems-api-token", token(&["ruby", "gems_"], 48, HEX)),
        ("digitalocean-pat", token(&["dop", "_v1_"], 64, HEX)),
        ("huggingface-access-token", token(&["h", "f_"], 34, b"abcdefghijklmnopqrstuvwxyz")),
        ("sendgrid-api-token", token(&["S", "G."], 66, LETTERS)),
        ("shopify-access-token", token(&["shp", "at_"], 32, HEX)),
        ("twilio-api-key", token(&["S", "K"], 32, HEX)),
        ("vault-service-token", token(&["hv", "s."], 95, LETTERS)),
        ("jwt", ["ey", "JhbGciOiJIUzI1NiIs.ey", &random(40, LETTERS), ".", &random(43, LETTERS)].concat()),
        ("postman-api-token", ["PM", "AK-", &random(24, HEX), "-", &random(34, HEX)].concat()),
        ("cardume-token", token(&["card", "ume_"], 64, HEX)),
        ("age-secret-key", token(&["AGE-SECRET", "-KEY-1"], 58, b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")),
    ]
}

#[test]
fn every_family_is_masked_wherever_it_stands() {
    for (rule, secret) in samples() {
        for (before, behind) in [
            ("", ""),
            ("token=", ""),
            ("export TOKEN=\"", "\" # set"),
            ("(", ")"),
            ("{\"token\":\"", "\"}"),
            ("ação: ", ", next"),
            ("\x1b[32m", "\x1b[0m"),
            ("first\nsecond ", "\nthird"),
            ("{\"text\":\"first\\n", "\\nthird\"}"),
        ] {
            let masked = mask(&[before, &secret, behind].concat()).into_owned();
            assert_eq!(masked, format!("{before}[masked: {rule}]{behind}"), "{rule}");
        }
    }
}

#[test]
fn what_is_told_by_its_surroundings_is_masked_alone() {
    let (key, password) = (random(40, LETTERS), random(12, LETTERS));
    for (text, masked) in [
        (format!("aws_secret_access_key = {key}"), "aws_secret_access_key = [masked: aws-secret-access-key]"),
        (format!("\"SecretAccessKey\": \"{key}\","), "\"SecretAccessKey\": \"[masked: aws-secret-access-key]\","),
        (format!("postgres://me:{password}@db/x"), "postgres://me:[masked: url-password]@db/x"),
        (format!("Authorization: Bearer {key}"), "Authorization: Bearer [masked: authorization-header]"),
        (format!("-H 'authorization: token {key}'"), "-H 'authorization: token [masked: authorization-header]'"),
    ] {
        assert_eq!(mask(&text), masked);
    }
}

#[test]
fn several_secrets_in_one_line_are_each_masked() {
    let (_, github) = &samples()[0];
    let (_, aws) = &samples()[5];
    let text = format!("{github} {aws} {github}");
    assert_eq!(mask(&text), "[masked: github-pat] [masked: aws-access-token] [masked: github-pat]");
    // A token that is longer than the list knows is masked to its end.
    assert_eq!(mask(&format!("{github}AndMore.")), "[masked: github-pat].");
}

/// Each rule of the lists masks what its own expression describes.
#[test]
fn every_rule_masks_what_it_describes() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    // What a password may be is all but anything, and mostly no text.
    for (id, expression) in rules::expressions().into_iter().filter(|(id, _)| *id != "url-password") {
        let boundaries = [r"\b", "^|", "$|", "|$", r"|\z"];
        let expression = expression.replace("xoxe.", r"xoxe\.").replace("hooks.slack.com", r"hooks\.slack\.com");
        let pattern = boundaries.iter().fold(expression, |pattern, boundary| pattern.replace(boundary, ""));
        let strategy = bytes_regex(&format!("(?s-u:{pattern})")).unwrap_or_else(|error| panic!("{id}: {error}"));
        let texts = std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap().current()).take(60);
        let texts: Vec<String> = texts.filter_map(|text| String::from_utf8(text).ok()).take(6).collect();
        let is_masked = |text: &String| mask(&format!("it is {text} and no other")).contains("[masked: ");
        // Not each is random enough to be taken for a secret, nor has a boundary where one is wanted.
        assert!(texts.iter().any(is_masked), "{id}: none of {texts:?} is masked");
    }
}

#[test]
fn ordinary_text_is_as_it_was() {
    for text in [
        "",
        "commit 9ae0daaf1f0c3b1d2e4f5a6b7c8d9e0f1a2b3c4d",
        "Index: 01932c07-209c-7b44-9c6a-2f4b0c1d2e3f",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "\"integrity\": \"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==\"",
        "checksum = \"f020237b6c8eed93db2e2cb53c00c60a8e1bc73da7d073199a1180401450218d\"",
        "http://127.0.0.1:3000/api/cards/01932c07-209c-7b44-9c6a-2f4b0c1d2e3f",
        "git@github.com:owner/repository.git and ssh://git@github.com:22/owner/repository.git",
        "https://example.org:8080/@scope/package",
        "The task asks for risk-free disk access; they say so themselves.",
        "this.s.something(); s.connect(); api-version: 2024-06-01; sk-spinner-cube; pat.match(x)",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "Authorization: Bearer $TOKEN, postgres://user:$PASSWORD@host/db, https://{user}:{password}@host",
        "[masked: github-pat]",
    ] {
        assert!(matches!(mask(text), Cow::Borrowed(same) if same == text), "{}", mask(text));
    }
}

/// What agents read all day is source code: here is some.
#[test]
fn this_repository_has_hardly_a_secret() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut found) = (vec![root.join("Cargo.lock"), root.join("README.md")], vec![]);
    for folder in ["src", "tests", "benches", "migrations", "docs", "end2end/tests", "scripts"] {
        files_in(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let name = file.strip_prefix(root).unwrap().display().to_string();
        // The lists themselves.
        if name.starts_with("src/server/secrets/") && name.ends_with(".toml") {
            continue;
        }
        for line in text.lines() {
            if let Cow::Owned(masked) = mask(line) {
                found.push(format!("{name}: {}", masked.trim()));
            }
        }
    }
    // Passwords in URLs that tests made up, and nothing else.
    let others: Vec<_> = found.iter().filter(|line| !line.contains("[masked: url-password]")).collect();
    assert!(others.is_empty() && found.len() < 12, "{found:#?}");
}

fn files_in(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files_in(&path, files) } else { files.push(path) }
    }
}

#[test]
fn a_private_key_is_masked_over_many_texts() {
    let (begin, end) = begin_and_end("RSA ");
    let body: Vec<String> = (0..30).map(|line| random(64 + line % 2, LETTERS)).collect();
    let mut masker = Masker::default();
    assert_eq!(masker.mask(&begin), begin);
    for line in &body {
        assert_eq!(masker.mask(line), keys::MASK);
        // Whoever goes on from here after a restart knows as much.
        let mut other = Masker::after(Some(keys::MASK));
        assert_eq!(other.mask(line), keys::MASK);
    }
    assert_eq!(masker.mask("c3D4"), keys::MASK);
    assert_eq!(masker.mask(&end), end);
    assert_eq!(
        masker.mask("and then 9ae0daaf1f0c3b1d2e4f5a6b7c8d9e0f1a2b3c4d"),
        "and then 9ae0daaf1f0c3b1d2e4f5a6b7c8d9e0f1a2b3c4d"
    );
}

#[test]
fn a_secret_across_two_pieces_is_masked_in_the_first() {
    let (rule, secret) = &samples()[0];
    let line = format!("{}{secret} and more", "x ".repeat(1000));
    for cut in 1990..line.len() {
        let mut masker = Masker::default();
        let (first, rest) = masker.mask_across(&line[..cut], &line[cut..]);
        let both = first.clone() + &masker.mask(&rest);
        assert_eq!(both, format!("{}[masked: {rule}] and more", "x ".repeat(1000)), "cut at {cut}");
    }
    // Where there is none the pieces are as they were.
    let mut masker = Masker::default();
    assert_eq!(masker.mask_across("one ", "two"), ("one ".to_owned(), Cow::Borrowed("two")));
}

#[test]
fn a_private_key_across_two_pieces_is_masked() {
    let (begin, end) = begin_and_end("");
    let secret = random(64, LETTERS);
    let line = format!("{{\"key\":\"{begin}\\n{secret}\\n{}\\n{end}\\n\",\"x\":1}}", random(64, UPPER));
    for cut in 1..line.len() {
        let mut masker = Masker::default();
        let (first, rest) = masker.mask_across(&line[..cut], &line[cut..]);
        let both = first + &masker.mask(&rest);
        let shown =
            secret.as_bytes().windows(8).filter(|part| both.contains(std::str::from_utf8(part).unwrap())).count();
        assert_eq!(shown, 0, "cut at {cut}: {both}");
        assert!(both.ends_with(&format!("{end}\\n\",\"x\":1}}")), "cut at {cut}: {both}");
    }
}

/// Words that rules look for, secrets, pieces of secrets and whatever else, in any order.
fn anything() -> impl Strategy<Value = String> {
    let secrets: Vec<String> = samples().into_iter().map(|(_, secret)| secret).collect();
    let (begin, end) = begin_and_end("");
    let words =
        ["AKIA", "sk-", "://a:", "@", "\n", "\\n", " ", "\"", "Authorization: Bearer ", "[masked: ", "]", "eyJ"];
    let piece = prop_oneof![
        any::<String>(),
        proptest::sample::select(words.map(str::to_owned).to_vec()),
        proptest::sample::select(secrets.clone()),
        (proptest::sample::select(secrets), 0..40_usize)
            .prop_map(|(secret, length)| secret.chars().take(length).collect()),
        Just(begin),
        Just(end),
        "[A-Za-z0-9+/=_-]{0,80}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn masking_is_bounded_and_changes_nothing_twice(text in anything()) {
        let once = mask(&text).into_owned();
        prop_assert!(once.len() <= 8 * text.len() + 64);
        let again = mask(&once);
        prop_assert_eq!(again.as_ref(), once.as_str());
    }

    #[test]
    fn no_whole_secret_gets_through(before in "[ -~]{0,30}", behind in "[ -~]{0,30}", which in 0..27_usize) {
        let (_, secret) = samples().swap_remove(which);
        let text = format!("{before} {secret} {behind}");
        prop_assert!(!mask(&text).contains(&secret));
    }

    #[test]
    fn no_cut_shows_a_secret(
        before in any::<String>(), behind in any::<String>(), which in 0..27_usize, at in any::<proptest::sample::Index>()
    ) {
        let (_, secret) = samples().swap_remove(which);
        let text = format!("{before} {secret} {behind}");
        let cut = text.floor_char_boundary(at.index(text.len() + 1));
        let mut masker = Masker::default();
        let (first, rest) = masker.mask_across(&text[..cut], &text[cut..]);
        let both = first + &masker.mask(&rest);
        prop_assert!(!both.contains(&secret[4..secret.len() - 4]));
    }

    #[test]
    fn any_cut_of_anything_is_survived(text in anything(), at in any::<proptest::sample::Index>()) {
        let cut = text.floor_char_boundary(at.index(text.len() + 1));
        let mut masker = Masker::default();
        let (first, rest) = masker.mask_across(&text[..cut], &text[cut..]);
        let both = first + &masker.mask(&rest);
        prop_assert!(both.len() <= 8 * text.len() + 64);
        prop_assert!(both == text || both.contains("[masked: "));
    }
}
