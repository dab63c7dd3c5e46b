//! The log cache: pages of rows that were read or written lately, so that many tabs polling one log cost little.
//!
//! Why no read through it is stale:
//!
//! 1. It holds only rows that were committed before they came here. A row is never changed once it is committed, also not
//!    by being packed, and it goes away only with its whole execution. So a page is right for ever; all it can be is short.
//! 2. It holds neither an execution's state nor its `last_sequence`. Every read takes these from the database first, and
//!    that row was moved on in the transaction that added the log rows: it knows of all that was committed before.
//! 3. A page's rows are consecutive from its first sequence. A page that ends before `last_sequence` is seen to be short,
//!    and what it lacks is read from the database before anything is answered. Very long rows never make a page whole.
//! 4. A page is replaced only by a longer one, in one step per key, so that a slow reader cannot undo a faster one.
//!
//! An append makes the tail's page longer where it is here, after its commit. If that fell away, or came in the wrong
//! order from two writers, the next read would do it (3). A deleted execution is not found in step 2; its pages live
//! out their time unseen, and ids are never used again.
//!
//! Entries live [`CacheLimits::time_to_live`] from when they came, however often they are made longer or read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;
use moka::ops::compute::Op;
use moka::{Entry, Expiry};

use super::{CacheLimits, ExecutionId, LogLine, NewLine};

/// Rows in a page: one query's worth, and not more than a poll may want anyway.
pub(super) const PAGE_ROWS: i64 = 250;
/// What a row takes besides its content.
const ROW_BYTES: usize = 96;
/// A page takes no further row once it is this long. What lies behind it is read by itself.
const PAGE_FULL_BYTES: usize = 2 * 1024 * 1024;

#[derive(Clone)]
pub(super) struct LogCache {
    pages: Cache<(ExecutionId, i64), Page>,
}

/// Consecutive rows, from the first sequence of page `number` on; there may be more in the database than here.
#[derive(Clone)]
pub(super) struct Page {
    number: i64,
    lines: Arc<[Arc<LogLine>]>,
    /// What its rows take.
    bytes: usize,
}

impl Page {
    pub fn empty(number: i64) -> Self {
        Self { number, lines: [].into(), bytes: 0 }
    }

    /// The pages that hold `start..=end`.
    pub fn numbers(start: i64, end: i64) -> impl Iterator<Item = i64> {
        let (first, last) = if start > end { (0, -1) } else { (Self::holding(start), Self::holding(end)) };
        first..=last
    }

    fn holding(sequence: i64) -> i64 {
        (sequence - 1) / PAGE_ROWS
    }

    pub fn start(&self) -> i64 {
        self.number * PAGE_ROWS + 1
    }

    /// The last sequence that belongs here.
    pub fn end(&self) -> i64 {
        (self.number + 1) * PAGE_ROWS
    }

    /// The first sequence that is not here (yet).
    pub fn next_sequence(&self) -> i64 {
        self.start() + self.lines.len() as i64
    }

    /// Whether all of its rows up to `sequence` are here.
    pub fn has_all_to(&self, sequence: i64) -> bool {
        self.next_sequence() > sequence.min(self.end())
    }

    /// Whether it takes no further row.
    pub fn is_full(&self) -> bool {
        self.bytes >= PAGE_FULL_BYTES
    }

    /// How much of it is left for further rows.
    pub fn left_bytes(&self) -> usize {
        PAGE_FULL_BYTES.saturating_sub(self.bytes)
    }

    /// The same page, longer; by as many of the rows as it takes.
    pub fn with(&self, more: impl Iterator<Item = Arc<LogLine>>) -> Self {
        let (mut lines, mut bytes) = (self.lines.to_vec(), self.bytes);
        for line in more {
            if bytes >= PAGE_FULL_BYTES {
                break;
            }
            bytes += line.content.len() + ROW_BYTES;
            lines.push(line);
        }
        Self { number: self.number, lines: lines.into(), bytes }
    }

    /// Those of its rows that lie in `start..=end`.
    pub fn between(&self, start: i64, end: i64) -> impl DoubleEndedIterator<Item = &LogLine> {
        self.lines.iter().map(AsRef::as_ref).filter(move |line: &&LogLine| (start..=end).contains(&line.sequence))
    }
}

/// So long after an entry came, and not after it was last touched.
struct Lifetime(Duration);

impl Expiry<(ExecutionId, i64), Page> for Lifetime {
    fn expire_after_create(&self, _: &(ExecutionId, i64), _: &Page, _: Instant) -> Option<Duration> {
        Some(self.0)
    }
}

impl LogCache {
    pub fn new(limits: CacheLimits) -> Self {
        let pages = Cache::builder()
            .max_capacity(limits.size_bytes)
            .weigher(|_, page: &Page| page.bytes.try_into().unwrap_or(u32::MAX))
            .expire_after(Lifetime(limits.time_to_live))
            .build();
        Self { pages }
    }

    pub async fn page(&self, id: ExecutionId, number: i64) -> Option<Page> {
        self.pages.get(&(id, number)).await
    }

    /// Puts the page here, unless a longer one is here.
    pub async fn keep(&self, id: ExecutionId, page: Page) {
        self.replace(id, page.number, |known| match known {
            Some(known) if known.lines.len() >= page.lines.len() => None,
            _ => Some(page),
        })
        .await;
    }

    /// After `lines` were committed, up to sequence `last`: adds them to the page that they go on from, where it is here.
    pub async fn extend(&self, id: ExecutionId, last: i64, lines: &[NewLine]) {
        let first = last - lines.len() as i64 + 1;
        if lines.is_empty() {
            return;
        }
        self.replace(id, Page::holding(first), |known| {
            let known = known.filter(|page| page.next_sequence() == first)?;
            let fitting = (first..=known.end()).zip(lines);
            Some(known.with(fitting.map(|(sequence, line)| Arc::new(line.numbered(sequence)))))
        })
        .await;
    }

    /// In one step for each page, however many do it.
    async fn replace(&self, id: ExecutionId, number: i64, replacement: impl FnOnce(Option<Page>) -> Option<Page>) {
        let entry = self.pages.entry((id, number));
        entry
            .and_compute_with(|known| {
                let replacement = replacement(known.map(Entry::into_value));
                std::future::ready(replacement.map_or(Op::Nop, Op::Put))
            })
            .await;
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{LogType, Timestamp};

    fn line(content: &str) -> NewLine {
        NewLine { timestamp: Timestamp::default(), kind: LogType::Text, content: content.into(), partial: false }
    }

    /// Page `number` with its first `count` rows.
    fn page(number: i64, count: i64) -> Page {
        let empty = Page::empty(number);
        let start = empty.start();
        empty.with((start..start + count).map(|sequence| Arc::new(line("row").numbered(sequence))))
    }

    async fn end_of(cache: &LogCache, id: ExecutionId, number: i64) -> Option<i64> {
        Some(cache.page(id, number).await?.next_sequence() - 1)
    }

    #[tokio::test]
    async fn a_page_is_replaced_only_by_a_longer_one() {
        let (cache, id) = (LogCache::new(CacheLimits::default()), ExecutionId(Uuid::nil()));
        for (length, end) in [(5, 5), (3, 5), (9, 9), (9, 9), (0, 9)] {
            cache.keep(id, page(0, length)).await;
            assert_eq!(end_of(&cache, id, 0).await, Some(end));
        }
    }

    #[tokio::test]
    async fn an_append_makes_only_the_page_longer_that_it_goes_on_from() {
        let (cache, id) = (LogCache::new(CacheLimits::default()), ExecutionId(Uuid::nil()));
        cache.extend(id, 2, &[line("1"), line("2")]).await;
        assert_eq!(end_of(&cache, id, 0).await, None, "nobody reads this log");
        cache.keep(id, page(0, 5)).await;
        cache.extend(id, 5, &[]).await;
        cache.extend(id, 8, &[line("7"), line("8")]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(5), "6 is missing");
        cache.extend(id, 6, &[line("5"), line("6")]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(5), "5 is here already");
        cache.extend(id, 6, &[line("6")]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(6));
        cache.extend(id, 306, &vec![line("more"); 300]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(PAGE_ROWS), "a page is full");
        assert_eq!(end_of(&cache, id, 1).await, None);
        let whole = cache.page(id, 0).await.unwrap();
        assert_eq!(whole.between(6, 7).count(), 2);
        assert!(whole.has_all_to(250) && whole.has_all_to(9999) && !page(0, 5).has_all_to(6));
    }

    #[tokio::test]
    async fn a_page_of_long_rows_stays_short() {
        let (cache, id) = (LogCache::new(CacheLimits::default()), ExecutionId(Uuid::nil()));
        let long = line(&"x".repeat(PAGE_FULL_BYTES / 4));
        cache.keep(id, page(0, 1)).await;
        cache.extend(id, 4, &vec![long.clone(); 3]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(4));
        cache.extend(id, 14, &vec![long.clone(); 10]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(5));
        let full = cache.page(id, 0).await.unwrap();
        assert!(full.is_full() && !full.has_all_to(6) && full.bytes <= PAGE_FULL_BYTES * 5 / 4 + 1000);
        cache.extend(id, 6, &[line("short")]).await;
        assert_eq!(end_of(&cache, id, 0).await, Some(5), "what comes behind is not kept either");
    }

    #[tokio::test]
    async fn its_size_is_bounded_in_bytes() {
        let limits = CacheLimits { size_bytes: 100_000, ..CacheLimits::default() };
        let cache = LogCache::new(limits);
        for number in 0..100 {
            cache.keep(ExecutionId(Uuid::from_u128(number as u128)), page(number, PAGE_ROWS)).await;
            cache.pages.run_pending_tasks().await;
            assert!(cache.pages.weighted_size() <= limits.size_bytes);
        }
        assert!(cache.pages.weighted_size() > 0);
    }
}
