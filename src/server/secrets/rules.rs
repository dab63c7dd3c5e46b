//! The shapes of secrets: a maintained list, and where in a text they are.
//!
//! An ordinary line costs one pass of an automaton over all the words that the rules look for. Only where it meets one
//! is that rule's expression asked, which is compiled when it is needed first.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::keys;

/// The lists, in the order in which a rule is named where several find the same.
const LISTS: [&str; 2] = [include_str!("gitleaks.toml"), include_str!("ours.toml")];
/// What the maintained list wants behind a secret: it reads source files, where quotes and spaces stand there.
const END_IN_SOURCE: &str = r#"(?:[\x60'"\s;]|\\[nr]|$)"#;
/// In a log it may be anything that no secret is made of.
const END_IN_LOG: &str = r"(?:[^\w-]|$)";

/// Where a word begins: also behind what colours it, and behind a line break as JSON writes it.
const BEGINNING: &str = r"(?:\b|\\[nrt]|\x1b\[[0-9;]{0,16}m)";

static RULES: LazyLock<Rules> = LazyLock::new(Rules::read);

/// A secret's place in the text, and the id of the rule that knows it.
pub type Found = (Range<usize>, &'static str);

/// All secrets in the text, and whether there may be (a piece of) a private key, which is not for rules to find.
pub fn find(text: &str) -> (Vec<Found>, bool) {
    RULES.find(text)
}

#[derive(Deserialize)]
struct List {
    rules: Vec<Shape>,
}

/// A rule as the list has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    id: String,
    /// The secret is its first group, or all of it where it has none.
    regex: String,
    /// Less random than this, in bits a character, it is no secret.
    #[serde(default)]
    entropy: f64,
    /// One of these is in every match, whatever its case.
    keywords: Vec<String>,
    /// What is no secret all the same.
    #[serde(default)]
    allow: Vec<String>,
}

struct Rule {
    shape: Shape,
    compiled: OnceLock<Option<(Regex, Vec<Regex>)>>,
}

struct Rules {
    rules: Vec<Rule>,
    keywords: Option<AhoCorasick>,
    /// For each keyword, the rules that look for it; none: the beginning of a private key.
    rules_of: Vec<Vec<usize>>,
}

impl Rules {
    fn read() -> Self {
        // The lists are part of the program; that they can be read, and each rule compiled, is held by tests.
        let lists = LISTS.iter().filter_map(|list| toml::from_str::<List>(list).ok());
        let rules: Vec<Rule> =
            lists.flat_map(|list| list.rules).map(|shape| Rule { shape, compiled: OnceLock::new() }).collect();
        let mut words = vec![keys::KEYWORD.to_owned()];
        let mut rules_of = vec![vec![]];
        for (index, rule) in rules.iter().enumerate() {
            for keyword in &rule.shape.keywords {
                let known = words.iter().position(|word| word == keyword);
                let place = known.unwrap_or_else(|| {
                    words.push(keyword.clone());
                    rules_of.push(vec![]);
                    words.len() - 1
                });
                rules_of[place].push(index);
            }
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words);
        Self { rules, keywords: keywords.ok(), rules_of }
    }

    fn find(&'static self, text: &str) -> (Vec<Found>, bool) {
        let (mut is_asked, mut is_key_near) = (vec![], false);
        for hit in self.keywords.iter().flat_map(|keywords| keywords.find_overlapping_iter(text)) {
            let rules = &self.rules_of[hit.pattern()];
            is_key_near |= rules.is_empty();
            for rule in rules {
                is_asked.resize(self.rules.len(), false);
                is_asked[*rule] = true;
            }
        }
        let mut found = vec![];
        for (rule, _) in self.rules.iter().zip(is_asked).filter(|(_, is_asked)| *is_asked) {
            rule.find(text, &mut found);
        }
        (found, is_key_near)
    }
}

impl Rule {
    fn compiled(&self) -> Option<&(Regex, Vec<Regex>)> {
        self.compiled.get_or_init(|| self.shape.compile().ok()).as_ref()
    }

    fn find(&'static self, text: &str, found: &mut Vec<Found>) {
        let Some((regex, allow)) = self.compiled() else { return };
        for captures in regex.captures_iter(text.as_bytes()) {
            let Some(secret) = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0)) else { continue };
            let too_plain = self.shape.entropy > 0.0 && entropy(secret.as_bytes()) <= self.shape.entropy;
            if !too_plain && !allow.iter().any(|allow| allow.is_match(secret.as_bytes())) {
                let range = text.floor_char_boundary(secret.start())..end_of_word(text, secret.end());
                found.push((range, self.shape.id.as_str()));
            }
        }
    }
}

impl Shape {
    fn compile(&self) -> Result<(Regex, Vec<Regex>), regex::Error> {
        // As in Go, classes such as `\w` are ASCII.
        let compile = |pattern: &str| RegexBuilder::new(pattern).unicode(false).build();
        let mut regex = compile(&self.regex.replace(END_IN_SOURCE, END_IN_LOG))?;
        let (flags, rest) = regex.as_str().strip_prefix("(?i)").map_or(("", regex.as_str()), |rest| ("(?i)", rest));
        if let Some(rest) = rest.strip_prefix(r"\b") {
            let secret = if regex.captures_len() == 1 { format!("({rest})") } else { rest.to_owned() };
            regex = compile(&format!("{flags}{BEGINNING}{secret}"))?;
        }
        Ok((regex, self.allow.iter().map(|allow| compile(allow)).collect::<Result<_, _>>()?))
    }
}

/// A secret that is longer than its rule knows is masked to its end.
fn end_of_word(text: &str, end: usize) -> usize {
    let bytes = text.as_bytes();
    let is_of_word = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut end = text.ceil_char_boundary(end);
    while is_of_word(end) || (bytes.get(end) == Some(&b'-') && is_of_word(end + 1)) {
        end += 1;
    }
    end
}

/// Shannon's entropy in bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let length = bytes.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

/// Each rule's id and expression.
#[cfg(test)]
pub fn expressions() -> Vec<(&'static str, &'static str)> {
    RULES.rules.iter().map(|rule| (rule.shape.id.as_str(), rule.shape.regex.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<Shape> {
        LISTS.iter().flat_map(|list| toml::from_str::<List>(list).unwrap().rules).collect()
    }

    #[test]
    fn every_rule_can_be_read_and_compiled() {
        let shapes = shapes();
        assert!(shapes.len() > 100, "{} rules", shapes.len());
        for shape in &shapes {
            let compiled = shape.compile();
            assert!(compiled.is_ok(), "{}: {compiled:?}", shape.id);
            assert!(compiled.unwrap().0.captures_len() <= 40, "{}", shape.id);
            assert!(!shape.keywords.is_empty(), "{} would have to look at every line", shape.id);
            assert!(shape.keywords.iter().all(|word| *word == word.to_lowercase()), "{}", shape.id);
        }
        assert!(RULES.keywords.is_some());
        assert_eq!(RULES.rules.len(), shapes.len());
    }

    #[test]
    fn entropy_is_that_of_a_coin() {
        assert_eq!(entropy(b"aaaa"), 0.0);
        assert_eq!(entropy(b"abab"), 1.0);
        assert_eq!(entropy(b"abcd"), 2.0);
    }
}
