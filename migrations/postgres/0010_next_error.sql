-- The next row that tells of a failure, without reading what lies before it.
create index log_lines_errors on log_lines (execution_id, sequence) where kind = 'error';
-- Whether one of a chunk's rows does; 1 as well where nobody looked, when it was packed.
alter table log_chunks add column has_errors bigint not null default 1 check (has_errors in (0, 1));
create index log_chunks_errors on log_chunks (execution_id, last_sequence) where has_errors = 1;
