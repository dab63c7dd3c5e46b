-- Whether the run begins in a new worktree: somebody asked for that, because the old one was of no more use.
alter table executions add column new_worktree bigint not null default 0 check (new_worktree in (0, 1));
