-- The digest of all records that were taken in from the journal; it moves with journal_offset.
alter table executions add column digest text;
-- Whether it equals the supervisor's own digest of what it wrote: 1 yes, 0 no, absent while not known.
alter table executions add column verified bigint;
-- How often in succession Cardume itself, and no user, has begun this stage again.
alter table executions add column automatic bigint not null default 0;
