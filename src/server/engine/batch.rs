//! Rows on their way into the database: masks secrets in them, and holds back what may be half of one.
//!
//! The pieces of a line that is longer than a row are rows of their own. A piece waits for the next one of its stream,
//! so that a secret which lies across both is seen; rows behind it wait with it, and so does the journal's offset, which
//! must not pass what is not in.

use std::borrow::Cow;

use crate::domain::Usage;
use crate::server::agents::{self, Said};
use crate::server::process::journal::Stream;
use crate::server::secrets::{self, Masker};
use crate::server::store::{NewLine, Report};

/// A batch goes in at so many rows, or so many bytes.
const FULL_ROWS: usize = 4000;
const FULL_BYTES: usize = 1024 * 1024;
/// A piece waits no longer than this much has come in behind it.
const WAITING_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Rows, and what they tell of their execution. `M` is a place in the journal.
pub struct Batch<M> {
    /// As they came, of any length.
    rows: Vec<NewLine>,
    bytes: usize,
    report: Report,
    /// One for each stream; `None`: nothing is masked.
    maskers: Option<[Masker; 2]>,
    waiting: [Option<Waiting<M>>; 2],
}

/// A piece that waits for the next one.
struct Waiting<M> {
    row: usize,
    /// Where the journal stood before it.
    before: M,
}

/// What can go in.
pub struct Ready<M> {
    pub lines: Vec<NewLine>,
    pub report: Report,
    /// Up to here the journal is in with it; `None`: as far as it was read.
    pub until: Option<M>,
}

impl<M: Clone> Batch<M> {
    /// `maskers`: for standard output and standard error, where secrets are to be masked.
    pub fn new(maskers: Option<[Masker; 2]>) -> Self {
        Self { rows: vec![], bytes: 0, report: Report::default(), maskers, waiting: [None, None] }
    }

    pub fn is_full(&self) -> bool {
        self.rows.len() >= FULL_ROWS || self.bytes >= FULL_BYTES
    }

    /// Adds a row of Cardume's own.
    pub fn tell(&mut self, row: NewLine) {
        self.bytes += row.content.len();
        self.rows.push(row);
    }

    /// Adds a row of an agent's. `before`: where the journal stood before its record.
    pub fn add(&mut self, stream: Stream, mut row: NewLine, before: &M) {
        let Some(maskers) = &mut self.maskers else { return self.tell(row) };
        let (masker, waiting) = (&mut maskers[index(stream)], &mut self.waiting[index(stream)]);
        if let Some(Waiting { row: first, .. }) = waiting.take() {
            let first = &mut self.rows[first].content;
            let (masked, rest) = masker.mask_across(first, &row.content);
            let rest = (rest.len() < row.content.len()).then(|| rest.into_owned());
            *first = masked;
            row.content = rest.unwrap_or(row.content);
        }
        if row.partial {
            *waiting = Some(Waiting { row: self.rows.len(), before: before.clone() });
        } else if let Cow::Owned(masked) = masker.mask(&row.content) {
            row.content = masked;
        }
        self.tell(row);
        if self.bytes > WAITING_MAX_BYTES {
            self.wait_no_longer();
        }
    }

    /// Adds what an agent's words tell of the execution.
    pub fn report(&mut self, said: Said) {
        let masked = |text: Option<String>| if self.maskers.is_some() { text.map(secrets::masked) } else { text };
        let newer = Usage { session_id: masked(said.usage.session_id), model: masked(said.usage.model), ..said.usage };
        let result = masked(said.result);
        merge(&mut self.report.usage, newer);
        self.report.result = result.or(self.report.result.take());
        self.report.succeeded = said.succeeded.or(self.report.succeeded);
    }

    /// Nothing more comes that could be the other half of anything.
    pub fn wait_no_longer(&mut self) {
        let Some(maskers) = &mut self.maskers else { return };
        for (masker, waiting) in maskers.iter_mut().zip(&mut self.waiting) {
            if let Some(Waiting { row, .. }) = waiting.take() {
                let content = &mut self.rows[row].content;
                *content = masker.mask(content).into_owned();
            }
        }
    }

    /// Takes out all rows before the first that waits, cut to the length of rows.
    pub fn ready(&mut self) -> Ready<M> {
        let first = self.waiting.iter().flatten().min_by_key(|waiting| waiting.row);
        let (count, until) = first.map_or((self.rows.len(), None), |first| (first.row, Some(first.before.clone())));
        for waiting in self.waiting.iter_mut().flatten() {
            waiting.row -= count;
        }
        let mut lines = Vec::with_capacity(count);
        for row in self.rows.drain(..count) {
            cut(row, &mut lines);
        }
        self.bytes = self.rows.iter().map(|row| row.content.len()).sum();
        Ready { lines, report: std::mem::take(&mut self.report), until }
    }
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn cut(row: NewLine, lines: &mut Vec<NewLine>) {
    let pieces = agents::pieces(&row.content);
    let Some((last, others)) = pieces.split_last().filter(|(_, others)| !others.is_empty()) else {
        return lines.push(row);
    };
    let piece = |content: &str, partial| NewLine { content: content.to_owned(), partial, ..row.clone() };
    lines.extend(others.iter().map(|content| piece(content, true)));
    lines.push(piece(last, row.partial));
}

fn merge(usage: &mut Usage, newer: Usage) {
    usage.session_id = newer.session_id.or(usage.session_id.take());
    usage.model = newer.model.or(usage.model.take());
    usage.turns = newer.turns.or(usage.turns);
    usage.input_tokens = newer.input_tokens.or(usage.input_tokens);
    usage.output_tokens = newer.output_tokens.or(usage.output_tokens);
    usage.cost_usd = newer.cost_usd.or(usage.cost_usd);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LogLine, LogType, Timestamp};

    fn row(content: &str, partial: bool) -> NewLine {
        NewLine { timestamp: Timestamp::from_millis(7), kind: LogType::Text, content: content.into(), partial }
    }

    fn contents(ready: &Ready<u64>) -> Vec<&str> {
        ready.lines.iter().map(|line| line.content.as_str()).collect()
    }

    /// Built from parts, so that no scanner takes this file for a leak.
    fn token() -> String {
        ["gh", "p_98NcxrvkQfBCLgYuNlZW28qOte81VQqwQ4vz"].concat()
    }

    #[test]
    fn a_piece_waits_for_the_next_and_what_is_behind_it_waits_too() {
        let mut batch = Batch::new(Some(Default::default()));
        let (token, out, err) = (token(), Stream::Stdout, Stream::Stderr);
        batch.add(out, row("before", false), &10);
        batch.add(out, row(&format!("piece {}", &token[..9]), true), &20);
        batch.add(err, row("other", false), &30);
        let ready = batch.ready();
        assert_eq!((contents(&ready), ready.until), (vec!["before"], Some(20)));
        let ready = batch.ready();
        assert_eq!((contents(&ready), ready.until), (vec![], Some(20)));

        batch.add(out, row(&format!("{} and", &token[9..]), true), &40);
        let ready = batch.ready();
        assert_eq!((contents(&ready), ready.until), (vec!["piece [masked: github-pat]", "other"], Some(40)));
        batch.add(out, row(" more", false), &50);
        let ready = batch.ready();
        assert_eq!((contents(&ready), ready.until), (vec![" and", " more"], None));
        assert!(ready.lines[0].partial && !ready.lines[1].partial);
    }

    #[test]
    fn pieces_of_both_streams_wait_for_their_own() {
        let mut batch = Batch::new(Some(Default::default()));
        batch.add(Stream::Stderr, row("e1", true), &1);
        batch.add(Stream::Stdout, row("o1", true), &2);
        batch.add(Stream::Stdout, row("o2", false), &3);
        assert_eq!(batch.ready().until, Some(1));
        batch.add(Stream::Stderr, row("e2", false), &4);
        assert_eq!(contents(&batch.ready()), ["e1", "o1", "o2", "e2"]);
    }

    #[test]
    fn nothing_waits_for_ever() {
        let mut batch = Batch::new(Some(Default::default()));
        batch.add(Stream::Stderr, row(&token(), true), &1);
        let long = "x".repeat(LogLine::CONTENT_MAX_BYTES);
        for _ in 0..=WAITING_MAX_BYTES / long.len() {
            batch.add(Stream::Stdout, row(&long, false), &2);
        }
        let ready = batch.ready();
        assert_eq!((contents(&ready)[0], ready.until), ("[masked: github-pat]", None));

        batch.add(Stream::Stdout, row(&token(), true), &3);
        batch.wait_no_longer();
        let ready = batch.ready();
        assert_eq!((contents(&ready), ready.until), (vec!["[masked: github-pat]"], None));
    }

    #[test]
    fn what_is_not_to_be_masked_is_as_it_came_and_waits_for_nothing() {
        let mut batch = Batch::new(None);
        batch.add(Stream::Stdout, row(&token(), true), &1);
        let ready = batch.ready();
        assert_eq!((contents(&ready), ready.until), (vec![token().as_str()], None));
    }

    #[test]
    fn no_row_is_longer_than_a_row_may_be() {
        let mut batch = Batch::<u64>::new(None);
        batch.tell(row(&"é".repeat(LogLine::CONTENT_MAX_BYTES), false));
        let lines = batch.ready().lines;
        assert_eq!(lines.iter().map(|line| line.partial).collect::<Vec<_>>(), [true, false]);
        assert!(lines.iter().all(|line| line.content.len() <= LogLine::CONTENT_MAX_BYTES));
    }
}
