//! Reading consecutive rows of a log within a bound in bytes, packed or not.
//!
//! The bound is kept before anything is read: a row has up to 256 KiB, so a few hundred of them would be more than a
//! server should hold for one reader. What an answer leaves out is what the same reader asks for next.

use std::ops::RangeInclusive;

use sqlx::AnyConnection;

use super::cache::Page;
use super::logs::LineRow;
use super::{ExecutionId, LogLine, LogSlice, StoreError, Stored, packing};

/// Consecutive rows that are wanted, both ends included. Empty: start > end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub start: i64,
    pub end: i64,
    /// From its first row on. Otherwise from its last row back.
    pub forward: bool,
}

/// How much may still be taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub left_bytes: usize,
    /// One row is taken even if it is larger: a reader must get on.
    pub needs_row: bool,
}

impl Budget {
    /// Whether a row of this size is taken. Once one is not, no further one must be asked for.
    pub fn takes(&mut self, bytes: usize) -> bool {
        if bytes > self.left_bytes && !self.needs_row {
            return false;
        }
        *self = Self { left_bytes: self.left_bytes.saturating_sub(bytes), needs_row: false };
        true
    }
}

impl Piece {
    /// The pieces of a slice of a log that ends at `last`, in the order in which they are read.
    pub fn of(slice: LogSlice, limit: i64, last: i64) -> Vec<Self> {
        let (start, end) = slice.range(limit, last);
        let mut pieces = match slice {
            LogSlice::After(_) => vec![Self { start, end, forward: true }],
            LogSlice::Before(_) | LogSlice::Tail => vec![Self { start, end, forward: false }],
            LogSlice::Around(n) => {
                let middle = n.clamp(1, last.max(1));
                vec![Self { start: middle, end, forward: true }, Self { start, end: middle - 1, forward: false }]
            }
        };
        pieces.retain(|piece| piece.start <= piece.end);
        pieces
    }

    /// The pages of the cache that it lies in, in the order in which they are read.
    pub fn pages(self) -> Vec<i64> {
        let mut numbers: Vec<i64> = Page::numbers(self.start, self.end).collect();
        if !self.forward {
            numbers.reverse();
        }
        numbers
    }

    /// What of it lies in these sequences.
    pub fn within(self, sequences: RangeInclusive<i64>) -> Self {
        Self { start: self.start.max(*sequences.start()), end: self.end.min(*sequences.end()), ..self }
    }

    /// Puts `more`, which was read after `lines`, on the side where it belongs.
    pub fn join(self, lines: &mut Vec<LogLine>, more: Vec<LogLine>) {
        if self.forward {
            lines.extend(more);
        } else {
            lines.splice(0..0, more);
        }
    }

    /// As many of these rows, which are in order and in this piece, as the budget takes; and whether that is all of them.
    pub fn take<'a>(
        self,
        rows: impl DoubleEndedIterator<Item = &'a LogLine>,
        budget: &mut Budget,
    ) -> (Vec<LogLine>, bool) {
        let mut is_all = true;
        let mut take = |line: &&LogLine| {
            is_all = budget.takes(line.content.len());
            is_all
        };
        let lines = if self.forward {
            rows.take_while(&mut take).cloned().collect()
        } else {
            let mut lines: Vec<LogLine> = rows.rev().take_while(&mut take).cloned().collect();
            lines.reverse();
            lines
        };
        (lines, is_all)
    }
}

/// As many rows of the piece as the budget takes; all of them must be there. `connection` must see one moment: a row may
/// be packed at any time.
pub(super) async fn rows(
    connection: &mut AnyConnection,
    id: ExecutionId,
    piece: Piece,
    budget: &mut Budget,
) -> Stored<(Vec<LogLine>, bool)> {
    let sizes = sizes(connection, id, piece.start, piece.end).await?;
    // A log is packed from its beginning.
    let unpacked_from = sizes.first().map_or(piece.end + 1, |(sequence, _)| *sequence);
    let unpacked = piece.within(unpacked_from..=i64::MAX);
    let packed = piece.within(0..=unpacked_from - 1);
    let (mut lines, mut is_all) = (vec![], true);
    for part in if piece.forward { [packed, unpacked] } else { [unpacked, packed] } {
        if part.start > part.end || !is_all {
            continue;
        }
        let more;
        (more, is_all) = if part == unpacked {
            unpacked_rows(connection, id, part, &sizes, budget).await?
        } else {
            packed_rows(connection, id, part, budget).await?
        };
        piece.join(&mut lines, more);
    }
    let first = if piece.forward { piece.start } else { piece.end - lines.len() as i64 + 1 };
    let is_short = is_all && lines.len() as i64 != (piece.end - piece.start + 1).max(0);
    if is_short || lines.iter().zip(first..).any(|(line, sequence)| line.sequence != sequence) {
        return Err(StoreError::Database(sqlx::Error::Protocol(format!("rows are missing from the log of {id}"))));
    }
    Ok((lines, is_all))
}

/// Those of the rows from `start` on to `end` that are not packed, as many as the budget takes.
pub(super) async fn unpacked_from(
    connection: &mut AnyConnection,
    id: ExecutionId,
    (start, end): (i64, i64),
    budget: &mut Budget,
) -> Stored<Vec<LogLine>> {
    let sizes = sizes(connection, id, start, end).await?;
    let piece = Piece { start, end, forward: true };
    Ok(unpacked_rows(connection, id, piece, &sizes, budget).await?.0)
}

/// The rows of the piece that are not packed, whose sizes are known.
async fn unpacked_rows(
    connection: &mut AnyConnection,
    id: ExecutionId,
    piece: Piece,
    sizes: &[(i64, i64)],
    budget: &mut Budget,
) -> Stored<(Vec<LogLine>, bool)> {
    let mut takes = |(_, bytes): &&(i64, i64)| budget.takes(usize::try_from(*bytes).unwrap_or(usize::MAX));
    let taken: Vec<i64> = if piece.forward {
        sizes.iter().take_while(&mut takes).map(|(sequence, _)| *sequence).collect()
    } else {
        sizes.iter().rev().take_while(&mut takes).map(|(sequence, _)| *sequence).collect()
    };
    let (Some(start), Some(end)) = (taken.iter().min(), taken.iter().max()) else {
        return Ok((vec![], sizes.is_empty()));
    };
    let rows: Vec<LineRow> = sqlx::query_as(
        "select sequence, logged_at, kind, content, partial from log_lines
         where execution_id = $1 and sequence >= $2 and sequence <= $3 order by sequence",
    )
    .bind(id.to_string())
    .bind(*start)
    .bind(*end)
    .fetch_all(connection)
    .await?;
    let lines = rows.into_iter().map(LogLine::try_from).collect::<Result<_, _>>()?;
    Ok((lines, taken.len() == sizes.len()))
}

/// The rows of the piece, all of which are packed, one chunk at a time.
async fn packed_rows(
    connection: &mut AnyConnection,
    id: ExecutionId,
    piece: Piece,
    budget: &mut Budget,
) -> Stored<(Vec<LogLine>, bool)> {
    let mut lines = vec![];
    let mut rest = piece;
    while rest.start <= rest.end {
        let next = if rest.forward { rest.start } else { rest.end };
        let chunk = packing::rows_with(connection, id, next).await?;
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { break };
        let (first, last) = (first.sequence, last.sequence);
        let of_piece = chunk.iter().filter(|line| (rest.start..=rest.end).contains(&line.sequence));
        let (more, is_all) = rest.take(of_piece, budget);
        rest.join(&mut lines, more);
        if !is_all {
            return Ok((lines, false));
        }
        rest = if rest.forward { Piece { start: last + 1, ..rest } } else { Piece { end: first - 1, ..rest } };
    }
    Ok((lines, true))
}

/// Sequence and size in bytes of the rows that are not packed.
async fn sizes(connection: &mut AnyConnection, id: ExecutionId, start: i64, end: i64) -> Stored<Vec<(i64, i64)>> {
    if start > end {
        return Ok(vec![]);
    }
    let sizes = sqlx::query_as(
        "select sequence, cast(octet_length(content) as bigint) from log_lines
         where execution_id = $1 and sequence >= $2 and sequence <= $3 order by sequence",
    )
    .bind(id.to_string())
    .bind(start)
    .bind(end)
    .fetch_all(connection)
    .await?;
    Ok(sizes)
}
