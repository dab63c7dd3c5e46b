-- Who may call. What is random is here only as its SHA-256, in lowercase hex; the password, which is not, as an
-- argon2id string.
create table access_tokens (
    name       text   primary key,
    hash       text   not null unique,
    created_at bigint not null
);

create table access_password (
    id     bigint primary key check (id = 1),
    hash   text   not null,
    set_at bigint not null
);

-- Links that log a browser in, once.
create table access_links (
    hash       text   primary key,
    expires_at bigint not null
);

-- Browsers that are logged in. `granted_by` is what they showed for it; with that they lose their session.
create table access_sessions (
    hash       text   primary key,
    granted_by text   not null,
    created_at bigint not null,
    expires_at bigint not null
);
create index access_sessions_by_grant on access_sessions (granted_by);
