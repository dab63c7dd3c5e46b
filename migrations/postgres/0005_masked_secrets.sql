-- Whether what looks like a secret is masked in the logs of a project's runs; each run keeps to what held when it began.
alter table projects add column mask_secrets bigint not null default 1 check (mask_secrets in (0, 1));
alter table executions add column mask_secrets bigint not null default 1 check (mask_secrets in (0, 1));
