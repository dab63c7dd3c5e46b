-- Requests that came with an Idempotency-Key: what each asked for, and its first answer. Kept for a day.
create table repeats (
    key         text primary key,
    -- Tells whether another request came with the same key.
    fingerprint text not null,
    answer      text not null,
    answered_at bigint not null
);
create index repeats_by_age on repeats (answered_at);
