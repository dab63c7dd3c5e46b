-- What was used in a period is summed over the executions that began in it, not over all that ever were.
create index executions_by_start on executions (started_at);
