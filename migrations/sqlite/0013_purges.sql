-- Since when a card is being purged: nothing but store/purging.rs sees it from then on. Its row, and those of its
-- executions, say what has to go from the disk, so they are the last to go.
alter table cards add column purging_since bigint;
-- Why the last try to clean up after it failed.
alter table cards add column purge_error text;
create index cards_purging on cards (purging_since) where purging_since is not null;
-- 1: its card is being purged.
alter table executions add column purging bigint not null default 0 check (purging in (0, 1));
-- Where the repository of a project is that is being purged. Its `path` is its id then, so that the same repository can be
-- added again at once.
alter table projects add column purging_path text;
