-- The model that a card's agent is asked to work with; null: the agent's own choice.
alter table cards add column model text;
-- When a card was deleted: it is archived from then on, and gone for good a day later.
alter table cards add column discarded_at bigint;
-- How many cards a column is meant to hold at most. A column without a row has no limit.
create table wip_limits (
    column_id text primary key,
    cards     bigint not null check (cards > 0)
);
