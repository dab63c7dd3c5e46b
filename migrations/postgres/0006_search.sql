-- What the logs' words are found by (store/searching.rs). All of it is made from the logs, can be made again, and is in no
-- backup; so it is with every table whose name begins with `search_`.

-- How far each log's words are known.
create table search_progress (
    execution_id text primary key not null references executions (id) on delete cascade,
    last_sequence bigint not null
);

-- The pages whose words are known, and each word of theirs once.
create table search_pages (
    id bigint generated always as identity primary key,
    execution_id text not null references executions (id) on delete cascade,
    -- Rows number * 250 + 1 and on.
    number bigint not null,
    -- 0: there are more words on it than are kept, and it is looked at whatever is searched for.
    has_all_words bigint not null check (has_all_words in (0, 1)),
    words tsvector not null,
    unique (execution_id, number)
);

create index search_pages_words on search_pages using gin (words);
