-- Rows of executions that have ended, some hundred together, compressed (store/packing.rs): each chunk took the place of
-- its rows in one transaction.
create table log_chunks (
    execution_id text not null references executions (id) on delete cascade,
    first_sequence bigint not null,
    last_sequence bigint not null,
    -- SHA-256 of the rows and of where they belong
    digest text not null,
    data blob not null,
    primary key (execution_id, first_sequence)
);
