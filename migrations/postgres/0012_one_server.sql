-- Who serves this database: one server at a time, from one data directory. One row; no backup has it.
create table server_owner (
    id          bigint primary key check (id = 1),
    -- Raised by each server that takes the database over. A write under an older number is refused.
    generation  bigint not null,
    -- The id and the path of the data directory that the executions are in; null before the first start.
    data_dir_id text,
    data_dir    text,
    -- Who holds it, for others to read: JSON.
    holder      text
);
insert into server_owner (id, generation) values (1, 0);
