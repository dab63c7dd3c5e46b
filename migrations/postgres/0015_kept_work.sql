-- The reference that keeps what a stage left, and what somebody should look at (server/git).
alter table executions add column work_ref text;
alter table executions add column warning text;
create index executions_with_warning on executions (card_id) where warning is not null;
