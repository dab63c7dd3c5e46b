//! The part of a log that the page holds: consecutive rows, at most so many.
//!
//! Pure: it says what to ask for and takes in what comes back. It never asks for a row that it has.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::api::LogPage;
use crate::domain::{ExecutionId, ExecutionStatus, LogLine, LogSlice, Timestamp};

/// As many rows as the page shows at once.
pub const ROWS_MAX: usize = 2000;
/// As many rows as one question asks for.
pub const PAGE: i64 = LogSlice::LIMIT_DEFAULT;
/// Fewer rows may leave a part of a screen empty. An answer has fewer only where rows are very long.
const ROWS_FEW: usize = 50;

/// A row, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub line: LogLine,
    /// What it says in Markdown, as HTML that a page can show.
    pub prose: Option<String>,
}

impl Row {
    /// The rows of a slice, in order.
    fn all(lines: Vec<LogLine>, prose: Vec<(i64, String)>) -> impl DoubleEndedIterator<Item = Self> {
        let mut prose = prose.into_iter().peekable();
        let rows: Vec<_> = lines
            .into_iter()
            .map(|line| {
                let own = prose.next_if(|(sequence, _)| *sequence == line.sequence);
                Self { line, prose: own.map(|(_, html)| html) }
            })
            .collect();
        rows.into_iter()
    }
}

/// Consecutive rows of one execution's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogWindow {
    pub execution: ExecutionId,
    pub started_at: Timestamp,
    rows: VecDeque<Arc<Row>>,
    /// The sequence of the last row that the log has.
    last_sequence: i64,
    ended: bool,
}

impl LogWindow {
    pub fn new(LogPage { log, prose }: LogPage) -> Self {
        let mut window = Self {
            execution: log.execution_id,
            started_at: log.started_at,
            rows: VecDeque::new(),
            last_sequence: log.last_sequence,
            ended: log.complete || log.status == ExecutionStatus::Idle,
        };
        window.rows.extend(Row::all(log.logs, prose).map(Arc::new));
        window
    }

    pub fn rows(&self) -> Vec<Arc<Row>> {
        self.rows.iter().cloned().collect()
    }

    /// The sequence of the first row here; 1 where there is none.
    pub fn first(&self) -> i64 {
        self.rows.front().map_or(1, |row| row.line.sequence)
    }

    /// The sequence of the last row here; 0 where there is none.
    pub fn last(&self) -> i64 {
        self.rows.back().map_or(0, |row| row.line.sequence)
    }

    /// The sequence of the last row that the log has.
    pub fn last_sequence(&self) -> i64 {
        self.last_sequence
    }

    /// How many rows the log has after the last one here.
    pub fn missing(&self) -> i64 {
        (self.last_sequence - self.last()).max(0)
    }

    /// The execution has ended and every row is in.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// Whether a reader at the end still lacks rows: those that have come, or earlier ones for which the screen has room.
    pub fn is_lacking(&self) -> bool {
        self.missing() > 0 || self.has_too_few()
    }

    fn has_too_few(&self) -> bool {
        self.rows.len() < ROWS_FEW && self.first() > 1
    }

    /// Whether this row is here.
    pub fn has(&self, sequence: i64) -> bool {
        (self.first()..=self.last()).contains(&sequence)
    }

    /// What to ask for next; `None` where there is nothing more to come. Whoever reads further up gets what comes as long
    /// as there is room for it, because room would have to be made where the reader is, and as long as it comes behind
    /// what is here; else only how long the log is.
    pub fn next(&self, following: bool) -> Option<(LogSlice, i64)> {
        let wants_rows = following || (self.has_room(following) && self.missing() <= PAGE);
        if following && self.missing() == 0 && self.has_too_few() {
            Some((self.earlier(), PAGE))
        } else if self.ended && (self.missing() == 0 || !wants_rows) {
            None
        } else if !wants_rows {
            Some((LogSlice::After(i64::MAX - 1), 1))
        } else if self.missing() > ROWS_MAX as i64 {
            Some((LogSlice::Tail, PAGE))
        } else {
            Some((LogSlice::After(self.last()), PAGE))
        }
    }

    fn has_room(&self, following: bool) -> bool {
        following || self.rows.len() + PAGE as usize <= ROWS_MAX
    }

    /// What to ask for to see a row in the middle of others.
    pub fn around(sequence: i64) -> LogSlice {
        LogSlice::Around(sequence.max(1))
    }

    /// Takes in rows that [`LogWindow::next`] asked for, mostly from the end of the log; answers whether that changed anything. Rows that would leave a hole begin
    /// the window anew for who follows the end, and are of no use to who does not.
    pub fn append(&mut self, page: LogPage, following: bool) -> bool {
        let before = (self.first(), self.last(), self.last_sequence, self.ended);
        if page.log.logs.last().is_some_and(|line| line.sequence < self.first()) {
            self.ended |= page.log.complete;
            self.prepend(page);
        } else {
            self.take_in(page, following);
        }
        before != (self.first(), self.last(), self.last_sequence, self.ended)
    }

    fn take_in(&mut self, LogPage { log, prose }: LogPage, following: bool) {
        self.last_sequence = self.last_sequence.max(log.last_sequence);
        self.ended |= log.complete;
        let last = self.last();
        let new = Row::all(log.logs, prose).filter(|row| row.line.sequence > last).map(Arc::new);
        let mut new = new.peekable();
        if !self.has_room(following) {
            return;
        }
        if new.peek().is_some_and(|row| row.line.sequence > last + 1) {
            if !following {
                return;
            }
            self.rows.clear();
        }
        self.rows.extend(new);
        let surplus = self.rows.len().saturating_sub(ROWS_MAX);
        self.rows.drain(..surplus);
    }

    /// What to ask for to see further on.
    pub fn later(&self) -> LogSlice {
        LogSlice::After(self.last())
    }

    /// Takes in the rows behind the last one, and lets go of as many at the beginning as there are too many.
    pub fn extend(&mut self, page: LogPage) {
        self.take_in(page, true);
    }

    /// What to ask for to see further back.
    pub fn earlier(&self) -> LogSlice {
        LogSlice::Before(self.first())
    }

    /// Takes in the rows before the first one, and lets go of as many at the end as there are too many.
    pub fn prepend(&mut self, LogPage { log, prose }: LogPage) {
        self.last_sequence = self.last_sequence.max(log.last_sequence);
        for row in Row::all(log.logs, prose).rev() {
            // Another answer may have brought some of them already; and no row may be left out between two others.
            if row.line.sequence == self.first() - 1 {
                self.rows.push_front(Arc::new(row));
            }
        }
        self.rows.truncate(ROWS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CardId, Command, ExecutionLog, LogType, WorkflowStage};

    fn log(rows: impl IntoIterator<Item = i64>, last_sequence: i64, complete: bool) -> LogPage {
        let id = uuid::Uuid::from_u128(1);
        let log = ExecutionLog {
            card_id: CardId(id),
            execution_id: ExecutionId(id),
            status: if complete { ExecutionStatus::Success } else { ExecutionStatus::Running },
            command: Command::Plan,
            workflow_stage: WorkflowStage::Planning,
            workflow_error: None,
            started_at: Timestamp::default(),
            completed_at: None,
            result: None,
            exit_code: None,
            logs: rows.into_iter().map(line).collect(),
            last_sequence,
            complete,
        };
        LogPage { log, prose: vec![] }
    }

    fn line(sequence: i64) -> LogLine {
        LogLine {
            sequence,
            timestamp: Timestamp::default(),
            kind: LogType::Text,
            content: String::new(),
            partial: false,
        }
    }

    fn sequences(window: &LogWindow) -> Vec<i64> {
        window.rows.iter().map(|row| row.line.sequence).collect()
    }

    #[test]
    fn prose_comes_to_the_row_whose_it_is() {
        let mut page = log(4..=7, 7, true);
        page.prose = vec![(5, "<p>five</p>".into()), (7, "<p>seven</p>".into())];
        let rows = LogWindow::new(page).rows();
        let prose: Vec<_> = rows.iter().map(|row| row.prose.as_deref()).collect();
        assert_eq!(prose, [None, Some("<p>five</p>"), None, Some("<p>seven</p>")]);
    }

    #[test]
    fn it_goes_on_after_the_last_row_and_never_holds_one_twice() {
        let mut window = LogWindow::new(log(1..=3, 3, false));
        assert_eq!(window.next(true), Some((LogSlice::After(3), PAGE)));
        window.append(log(4..=5, 5, false), true);
        window.append(log(5..=6, 6, true), true);
        assert_eq!(sequences(&window), [1, 2, 3, 4, 5, 6]);
        assert_eq!(window.next(true), None);
    }

    #[test]
    fn it_asks_on_while_an_ended_log_has_more() {
        let window = LogWindow::new(log(1..=3, 9, true));
        assert_eq!((window.missing(), window.next(true)), (6, Some((LogSlice::After(3), PAGE))));
    }

    #[test]
    fn following_lets_go_of_the_oldest_rows() {
        let mut window = LogWindow::new(log(1..=2000, 2000, false));
        window.append(log(2001..=2002, 2002, false), true);
        assert_eq!((window.first(), window.last(), window.rows.len()), (3, 2002, ROWS_MAX));
    }

    #[test]
    fn reading_further_up_a_full_window_only_learns_how_long_the_log_is() {
        let mut window = LogWindow::new(log(1..=2000, 2000, false));
        let (slice, limit) = window.next(false).unwrap();
        assert!(slice.range(limit, 4000).0 > 4000);
        window.append(log([], 4000, false), false);
        assert_eq!((window.missing(), window.last()), (2000, 2000));
        assert_eq!(window.next(true), Some((LogSlice::After(2000), PAGE)));
    }

    #[test]
    fn whoever_reads_in_the_middle_is_not_given_all_that_follows() {
        let mut window = LogWindow::new(log(5001..=5500, 1_000_000, false));
        let (slice, limit) = window.next(false).unwrap();
        assert!(slice.range(limit, 1_000_000).0 > 1_000_000);
        assert_eq!(window.later(), LogSlice::After(5500));
        window.extend(log(5501..=7500, 1_000_000, false));
        assert_eq!((window.first(), window.last(), window.has(5500)), (5501, 7500, false));
        assert_eq!(LogWindow::around(9).range(PAGE, 100), (1, 100));
        assert_eq!(LogWindow::around(1000).range(PAGE, 9999), (751, 1250));
    }

    #[test]
    fn too_far_behind_it_begins_anew_at_the_end() {
        let mut window = LogWindow::new(log(1..=3, 10_000, false));
        assert_eq!(window.next(true), Some((LogSlice::Tail, PAGE)));
        window.append(log(9_501..=10_000, 10_000, false), true);
        assert_eq!((window.first(), window.last()), (9_501, 10_000));
    }

    #[test]
    fn a_reader_at_the_end_gets_enough_very_long_rows_for_a_screen() {
        let mut window = LogWindow::new(log(85..=100, 100, true));
        assert_eq!((window.is_lacking(), window.next(true)), (true, Some((LogSlice::Before(85), PAGE))));
        assert_eq!(window.next(false), None, "a reader further up asks by scrolling");
        assert!(window.append(log(69..=84, 100, true), true));
        assert!(window.append(log(53..=68, 103, true), true));
        assert_eq!(window.next(true), Some((LogSlice::After(100), PAGE)), "first what has come");
        window.append(log(101..=103, 103, true), true);
        assert_eq!(sequences(&window), (53..=103).collect::<Vec<_>>());
        assert_eq!((window.is_lacking(), window.next(true)), (false, None));
        // What comes twice or too late leaves no hole and no double.
        window.append(log(53..=60, 103, true), true);
        window.append(log(1..=16, 103, true), true);
        assert_eq!(sequences(&window), (53..=103).collect::<Vec<_>>());
        let mut whole = LogWindow::new(log(1..=3, 3, true));
        assert_eq!((whole.is_lacking(), whole.next(true)), (false, None));
        whole.append(log([], 3, true), true);
        assert_eq!(sequences(&whole), [1, 2, 3]);
    }

    #[test]
    fn earlier_rows_come_in_front_and_push_out_the_last() {
        let mut window = LogWindow::new(log(501..=2400, 2400, true));
        assert_eq!(window.earlier(), LogSlice::Before(501));
        window.prepend(log(1..=500, 2400, true));
        assert_eq!((window.first(), window.last(), window.missing()), (1, 2000, 400));
    }
}
