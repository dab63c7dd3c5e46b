-- When a card was put away: it stands in no column then, and keeps all that it has.
alter table cards add column archived_at bigint;
