//! Searching logs: which rows have words that begin with the words of a query.
//!
//! What is indexed is the page of a log (250 rows): each of its words once. The index says which pages can have what is
//! searched for; their rows are then read, and looked at one by one. So the index stays small, it knows of no row more
//! than the log does, and both engines find the same. What is not indexed yet is looked at without it.
//!
//! Pages are indexed in the background ([`Store::index_next`]), a few in a transaction: full ones, and the last one of a
//! log that is complete. A log's words are not known the moment its rows are; nobody who adds rows waits for them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use sqlx::{AnyConnection, FromRow};

use super::cache::PAGE_ROWS;
use super::connection::Engine;
use super::decode::parse;
use super::words::{self, Word};
use super::{ExecutionId, LogLine, LogMatch, LogMatches, LogSlice, Store, StoreError, Stored};

/// So many pages are indexed in one transaction.
const PAGES_AT_ONCE: i64 = 8;
/// Of a page with more words than this the rest is not kept.
const WORDS_MAX: usize = 20_000;
/// A query's further words are left out of account in the index; they count when rows are looked at.
const QUERY_WORDS_MAX: usize = 8;
/// One search looks at so many pages, and is then gone on with by the next.
const LOOK_AT_PAGES: usize = 400;
/// A search in all logs looks at so many pages, finds so many executions, and says so many rows of each.
const LOOK_AT_PAGES_OF_ALL: i64 = 300;
const EXECUTIONS_MAX: usize = 20;
const MATCHES_OF_EACH: usize = 3;
/// A search stops at the row with which its matches are this long together.
const FOUND_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What is searched for: words, folded.
#[derive(Clone, Debug)]
pub struct Query(Vec<String>);

impl Query {
    /// `None` where there is nothing to search for in the text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<String> = words::words(text).map(|word| word.folded).collect();
        words.sort();
        words.dedup();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Where its words stand in the text; `None` unless all of them do.
    fn ranges(&self, text: &str) -> Option<Vec<(u32, u32)>> {
        let mut is_there = vec![false; self.0.len()];
        let mut ranges = vec![];
        for Word { range, folded } in words::words(text) {
            let mut is_wanted = false;
            for (wanted, is_there) in self.0.iter().zip(&mut is_there) {
                if folded.starts_with(wanted.as_str()) {
                    (is_wanted, *is_there) = (true, true);
                }
            }
            if is_wanted {
                // A row has at most 256 KiB.
                ranges.push((range.start as u32, range.end as u32));
            }
        }
        is_there.iter().all(|there| *there).then_some(ranges)
    }

    /// In the language of the engine's index. The words have nothing but letters and digits.
    fn in_index(&self, engine: Engine) -> String {
        let words = self.0.iter().take(QUERY_WORDS_MAX);
        match engine {
            Engine::Sqlite => words.map(|word| format!("\"{word}\"*")).collect::<Vec<_>>().join(" AND "),
            Engine::Postgres => words.map(|word| format!("'{word}':*")).collect::<Vec<_>>().join(" & "),
        }
    }
}

/// Whether there are as many matches as there may be.
fn is_full(found: &LogMatches, limit: i64) -> bool {
    found.matches.len() as i64 >= limit || bytes(&found.matches) >= FOUND_MAX_BYTES
}

fn bytes(matches: &[LogMatch]) -> usize {
    matches.iter().map(|found| found.line.content.len()).sum()
}

#[derive(FromRow)]
struct ProgressRow {
    id: String,
    status: String,
    last_sequence: i64,
    indexed: i64,
}

#[derive(FromRow)]
struct PageRow {
    execution_id: String,
    number: i64,
}

/// A page's words.
struct PageWords {
    number: i64,
    words: BTreeSet<String>,
    has_all: bool,
}

const PROGRESS: &str = "select e.id, e.status, e.last_sequence, coalesce(p.last_sequence, 0) as indexed
                        from (select * from executions where purging = 0) e
                             left join search_progress p on p.execution_id = e.id";

impl Store {
    /// Executions with pages that can be indexed and are not, the newest first; with the last sequence of each.
    pub async fn unindexed(&self, limit: i64) -> Stored<Vec<(ExecutionId, i64)>> {
        let query = sqlx::AssertSqlSafe(format!(
            "{PROGRESS}
             where e.last_sequence - coalesce(p.last_sequence, 0) >=
                   case when e.status in ('running', 'idle') then {PAGE_ROWS} else 1 end
             order by e.started_at desc, e.id limit $1"
        ));
        let rows: Vec<ProgressRow> = sqlx::query_as(query).bind(limit).fetch_all(self.reader()).await?;
        let ids = rows.into_iter().map(|row| Ok((parse(&row.id)?, row.last_sequence)));
        Ok(ids.collect::<Result<_, sqlx::Error>>()?)
    }

    /// Indexes some more of a log; false where all of it is.
    pub async fn index_next(&self, id: ExecutionId) -> Stored<bool> {
        let progress = self.progress(id).await?;
        let first = progress.indexed + 1;
        let mut last = (first - 1 + PAGES_AT_ONCE * PAGE_ROWS).min(progress.last_sequence);
        if matches!(progress.status.as_str(), "running" | "idle") {
            last = last / PAGE_ROWS * PAGE_ROWS;
        }
        if last < first {
            return Ok(false);
        }
        // Very long rows make for a shorter answer: whole pages of it count.
        let lines = self.log_uncached(id, LogSlice::After(first - 1), last - first + 1).await?.logs;
        let got = first - 1 + lines.len() as i64;
        let whole = if got < last { got / PAGE_ROWS * PAGE_ROWS } else { last };
        if whole < first {
            return self.index_page_by_page(id, first, last).await;
        }
        let pages = blocking(move || pages_of(&lines, whole)).await?;
        self.add_pages(id, first - 1, whole, pages).await?;
        Ok(true)
    }

    /// One page that is too long to be read at once.
    async fn index_page_by_page(&self, id: ExecutionId, first: i64, last: i64) -> Stored<bool> {
        let last = last.min((first - 1) / PAGE_ROWS * PAGE_ROWS + PAGE_ROWS);
        let mut page = PageWords { number: (first - 1) / PAGE_ROWS, words: BTreeSet::new(), has_all: true };
        let mut next = first;
        while next <= last {
            let lines = self.log_uncached(id, LogSlice::After(next - 1), last - next + 1).await?.logs;
            next += lines.len() as i64;
            page = blocking(move || {
                lines.iter().for_each(|line| page.add(line));
                page
            })
            .await?;
        }
        self.add_pages(id, first - 1, last, vec![page]).await?;
        Ok(true)
    }

    /// The rows of a log, from behind `after` on, in which all words of the query begin words; at most so many.
    pub async fn search_log(&self, id: ExecutionId, query: &Query, after: i64, limit: i64) -> Stored<LogMatches> {
        let progress = self.progress(id).await?;
        let after = after.max(0);
        let mut found = LogMatches { matches: vec![], searched_to: after, more: false };
        // There is nothing behind it. That also keeps the numbers below from growing beyond what fits.
        if after >= progress.last_sequence {
            return Ok(found);
        }
        let first = after + 1;
        for (looked_at, number) in self.pages_to_look_at(id, query, first, &progress).await?.enumerate() {
            if looked_at == LOOK_AT_PAGES || is_full(&found, limit) {
                found.more = true;
                return Ok(found);
            }
            let (start, end) =
                (first.max(number * PAGE_ROWS + 1), ((number + 1) * PAGE_ROWS).min(progress.last_sequence));
            let wanted = usize::try_from(limit).unwrap_or_default() - found.matches.len();
            self.look_at(id, query, start..=end, wanted, &mut found).await?;
        }
        found.more = is_full(&found, limit) && found.searched_to < progress.last_sequence;
        if !found.more {
            found.searched_to = progress.last_sequence.max(found.searched_to);
        }
        Ok(found)
    }

    /// The newest executions in whose logs something is found, each with its first few rows.
    pub async fn search_all(&self, query: &Query) -> Stored<Vec<(ExecutionId, Vec<LogMatch>)>> {
        let mut found: Vec<(ExecutionId, Vec<LogMatch>)> = vec![];
        for (id, number) in self.pages_of_all(query).await? {
            let known = found.iter().position(|(known, _)| *known == id);
            let bytes: usize = found.iter().map(|(_, matches)| bytes(matches)).sum();
            if (known.is_none() && found.len() == EXECUTIONS_MAX) || bytes >= FOUND_MAX_BYTES {
                break;
            }
            if known.is_some_and(|known| found[known].1.len() >= MATCHES_OF_EACH) {
                continue;
            }
            let mut of_page = LogMatches::default();
            let rows = number * PAGE_ROWS + 1..=(number + 1) * PAGE_ROWS;
            match self.look_at(id, query, rows, MATCHES_OF_EACH, &mut of_page).await {
                // Deleted meanwhile.
                Err(StoreError::NotFound(_)) => continue,
                looked => looked?,
            }
            match known {
                _ if of_page.matches.is_empty() => {}
                Some(known) => found[known].1.extend(of_page.matches),
                None => found.push((id, of_page.matches)),
            }
        }
        for (_, matches) in &mut found {
            matches.sort_by_key(|found| found.line.sequence);
            matches.truncate(MATCHES_OF_EACH);
        }
        Ok(found)
    }

    /// Looks at the rows, and adds at most `wanted` of them.
    async fn look_at(
        &self,
        id: ExecutionId,
        query: &Query,
        rows: RangeInclusive<i64>,
        wanted: usize,
        found: &mut LogMatches,
    ) -> Stored<()> {
        let mut next = *rows.start();
        let full = (found.matches.len() + wanted) as i64;
        while next <= *rows.end() {
            let lines = self.log(id, LogSlice::After(next - 1), rows.end() - next + 1).await?.logs;
            let Some(last) = lines.last() else { break };
            next = last.sequence + 1;
            let query = query.clone();
            let of_these = blocking(move || {
                let looked = lines
                    .into_iter()
                    .filter_map(|line| query.ranges(&line.content).map(|ranges| LogMatch { line, ranges }));
                looked.take(wanted).collect::<Vec<_>>()
            })
            .await?;
            for one in of_these {
                if is_full(found, full) {
                    return Ok(());
                }
                found.searched_to = one.line.sequence;
                found.matches.push(one);
            }
            if is_full(found, full) {
                return Ok(());
            }
            found.searched_to = next - 1;
        }
        Ok(())
    }

    async fn progress(&self, id: ExecutionId) -> Stored<ProgressRow> {
        let query = sqlx::AssertSqlSafe(format!("{PROGRESS} where e.id = $1"));
        let row = sqlx::query_as(query).bind(id.to_string()).fetch_optional(self.reader()).await?;
        row.ok_or(StoreError::NotFound("execution"))
    }

    /// The numbers of the pages from row `first` on that can have what is searched for, in order: those that the index
    /// names, and all that are not indexed.
    async fn pages_to_look_at(
        &self,
        id: ExecutionId,
        query: &Query,
        first: i64,
        progress: &ProgressRow,
    ) -> Stored<impl Iterator<Item = i64> + use<>> {
        let candidates = match self.connection.engine {
            Engine::Sqlite => {
                "select p.number from search_pages p where p.execution_id = $1 and p.number >= $2
                   and (p.has_all_words = 0 or p.id in (select rowid from search_words where search_words match $3))
                 order by p.number limit $4"
            }
            Engine::Postgres => {
                "select p.number from search_pages p where p.execution_id = $1 and p.number >= $2
                   and (p.has_all_words = 0 or p.words @@ $3::tsquery)
                 order by p.number limit $4"
            }
        };
        let indexed: Vec<i64> = sqlx::query_scalar(candidates)
            .bind(id.to_string())
            .bind((first - 1) / PAGE_ROWS)
            .bind(query.in_index(self.connection.engine))
            .bind(LOOK_AT_PAGES as i64 + 1)
            .fetch_all(self.reader())
            .await?;
        // Where the index has more to tell, what comes behind it is for the next search.
        let is_whole = indexed.len() <= LOOK_AT_PAGES;
        let unindexed = (first - 1).max(progress.indexed) / PAGE_ROWS..=(progress.last_sequence - 1) / PAGE_ROWS;
        let begins = indexed.last().map_or(0, |last| last + 1);
        let unindexed = unindexed.filter(move |number| is_whole && *number >= begins);
        Ok(indexed.into_iter().chain(unindexed))
    }

    /// Pages of all logs that can have what is searched for, the newest first: what is not indexed of the logs of running
    /// executions, and what the index names.
    async fn pages_of_all(&self, query: &Query) -> Stored<Vec<(ExecutionId, i64)>> {
        let running = sqlx::AssertSqlSafe(format!(
            "{PROGRESS} where e.last_sequence > coalesce(p.last_sequence, 0) order by e.started_at desc, e.id limit $1"
        ));
        let rows: Vec<ProgressRow> =
            sqlx::query_as(running).bind(EXECUTIONS_MAX as i64).fetch_all(self.reader()).await?;
        let mut pages = vec![];
        for row in rows {
            // Of a log that is far ahead of its index only the end: the rest is found in a moment.
            let (first, last) = (row.indexed / PAGE_ROWS, (row.last_sequence - 1) / PAGE_ROWS);
            let id = parse(&row.id)?;
            pages.extend((first.max(last - 3)..=last).map(|number| (id, number)));
        }
        let indexed: Vec<PageRow> = sqlx::query_as(match self.connection.engine {
            Engine::Sqlite => {
                "select p.execution_id, p.number from search_pages p join executions e on e.id = p.execution_id
                 where (p.id in (select rowid from search_words where search_words match $1) or p.has_all_words = 0)
                   and e.purging = 0
                 order by p.id desc limit $2"
            }
            Engine::Postgres => {
                "select p.execution_id, p.number from search_pages p join executions e on e.id = p.execution_id
                 where (p.words @@ $1::tsquery or p.has_all_words = 0) and e.purging = 0 order by p.id desc limit $2"
            }
        })
        .bind(query.in_index(self.connection.engine))
        .bind(LOOK_AT_PAGES_OF_ALL)
        .fetch_all(self.reader())
        .await?;
        for row in indexed {
            pages.push((parse(&row.execution_id)?, row.number));
        }
        Ok(pages)
    }

    /// Adds the words of the rows `from + 1..=to`. `Conflict` where somebody else has done so.
    async fn add_pages(&self, id: ExecutionId, from: i64, to: i64, pages: Vec<PageWords>) -> Stored<()> {
        let mut tx = self.begin_write().await?;
        let moved = sqlx::query(
            "insert into search_progress (execution_id, last_sequence) values ($1, $3)
             on conflict (execution_id) do update set last_sequence = excluded.last_sequence
             where search_progress.last_sequence = $2",
        )
        .bind(id.to_string())
        .bind(from)
        .bind(to)
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Err(StoreError::conflict("These pages are indexed already."));
        }
        for page in pages {
            add_page(&mut tx, self.connection.engine, id, page).await?;
        }
        tx.commit().await
    }
}

async fn add_page(connection: &mut AnyConnection, engine: Engine, id: ExecutionId, page: PageWords) -> Stored<()> {
    let words: Vec<String> = page.words.into_iter().collect();
    match engine {
        Engine::Sqlite => {
            let row: i64 = sqlx::query_scalar(
                "insert into search_pages (execution_id, number, has_all_words) values ($1, $2, $3) returning id",
            )
            .bind(id.to_string())
            .bind(page.number)
            .bind(i64::from(page.has_all))
            .fetch_one(&mut *connection)
            .await?;
            sqlx::query("insert into search_words (rowid, words) values ($1, $2)")
                .bind(row)
                .bind(words.join(" "))
                .execute(connection)
                .await?;
        }
        Engine::Postgres => {
            // An array's literal: the words have nothing in them that would have to be escaped.
            sqlx::query(
                "insert into search_pages (execution_id, number, has_all_words, words)
                 values ($1, $2, $3, array_to_tsvector($4::text[]))",
            )
            .bind(id.to_string())
            .bind(page.number)
            .bind(i64::from(page.has_all))
            .bind(format!("{{\"{}\"}}", words.join("\",\"")))
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}

impl PageWords {
    fn add(&mut self, line: &LogLine) {
        for word in words::words(&line.content) {
            if self.words.len() >= WORDS_MAX {
                self.has_all = self.has_all && self.words.contains(&word.folded);
            } else {
                self.words.insert(word.folded);
            }
        }
    }
}

/// The pages that the rows up to `last` make up.
fn pages_of(lines: &[LogLine], last: i64) -> Vec<PageWords> {
    let mut pages: Vec<PageWords> = vec![];
    for line in lines.iter().take_while(|line| line.sequence <= last) {
        let number = (line.sequence - 1) / PAGE_ROWS;
        if pages.last().is_none_or(|page| page.number != number) {
            pages.push(PageWords { number, words: BTreeSet::new(), has_all: true });
        }
        if let Some(page) = pages.last_mut() {
            page.add(line);
        }
    }
    pages
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Stored<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Database(sqlx::Error::WorkerCrashed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_of_a_query_must_begin_words() {
        let query = Query::parse("Exit COD").unwrap();
        assert_eq!(query.ranges("the exit_codes of exits"), Some(vec![(4, 8), (9, 14), (18, 23)]));
        assert_eq!(query.ranges("encoded exits"), None);
        assert!(Query::parse(" -_. ").is_none());
    }

    #[test]
    fn nothing_in_a_query_is_taken_for_the_index_s_own_language() {
        let query = Query::parse("a\" OR b* NEAR(c) 'd' & !e {f} :g").unwrap();
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let text = query.in_index(engine);
            assert!(text.chars().all(|c| c.is_alphanumeric() || " \"*':&AND".contains(c)), "{text}");
        }
    }

    #[test]
    fn a_page_with_too_many_words_says_so() {
        let line = |n: usize| {
            let content = (0..1000).map(|word| format!("w{n}x{word} ")).collect();
            let timestamp = crate::domain::Timestamp::from_millis(0);
            LogLine { sequence: n as i64, timestamp, kind: crate::domain::LogType::Text, content, partial: false }
        };
        let lines: Vec<LogLine> = (1..=21).map(line).collect();
        assert!(pages_of(&lines[..20], 20)[0].has_all);
        let page = pages_of(&lines, 21).remove(0);
        assert!(!page.has_all && page.words.len() == WORDS_MAX);
    }
}
