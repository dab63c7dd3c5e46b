//! The environment of what the server starts: it inherits the server's, without the server's own secrets.

use std::ffi::{OsStr, OsString};

/// These lead a Postgres client to passwords and keys, besides `DATABASE_URL`.
const OF_POSTGRES: [&str; 4] = ["PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "PGSSLKEY"];

/// The variables in the server's environment that agents, supervisors and git must not see.
pub fn secrets() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_secret(name))
}

fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == "DATABASE_URL" || name.starts_with("CARDUME_") || OF_POSTGRES.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_servers_own_and_nothing_else() {
        for name in
            ["DATABASE_URL", "CARDUME_TOKEN", "CARDUME_", "PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "PGSSLKEY"]
        {
            assert!(is_secret(name.as_ref()), "{name}");
        }
        for name in ["PATH", "PGHOST", "PGUSER", "OTHER_DATABASE_URL", "cardume_x", "CARDUMES", "ANTHROPIC_API_KEY"] {
            assert!(!is_secret(name.as_ref()), "{name}");
        }
    }
}
