-- What the logs' words are found by (store/searching.rs). All of it is made from the logs, can be made again, and is in no
-- backup; so it is with every table whose name begins with `search_`.

-- How far each log's words are known.
create table search_progress (
    execution_id text primary key not null references executions (id) on delete cascade,
    last_sequence bigint not null
);

-- The pages whose words are known; `id` is the row of their words.
create table search_pages (
    id integer primary key not null,
    execution_id text not null references executions (id) on delete cascade,
    -- Rows number * 250 + 1 and on.
    number bigint not null,
    -- 0: there are more words on it than are kept, and it is looked at whatever is searched for.
    has_all_words bigint not null check (has_all_words in (0, 1)),
    unique (execution_id, number)
);

-- Each word of a page once, and nothing else: no positions, no text. The words come as they are to be kept; the tokenizer
-- only cuts them at the spaces between them.
create virtual table search_words using fts5 (words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');

create trigger search_pages_removed after delete on search_pages begin
    delete from search_words where rowid = old.id;
end;
