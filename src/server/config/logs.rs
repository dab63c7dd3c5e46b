//! `[logs]`: when the logs of executions that have ended are compressed, when their journals go, and how long a log may
//! become.

use std::time::Duration;

use serde::Deserialize;

/// `[logs]`, checked. `None` means never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsConfig {
    /// So long after an execution's end its rows are compressed.
    pub compress_after: Option<Duration>,
    /// So long after an execution's end its journal, of which everything is in the database, is removed.
    pub remove_journals_after: Option<Duration>,
    /// An agent whose journal has become this long is ended.
    pub max_bytes: Option<u64>,
}

const MEGABYTE: u64 = 1024 * 1024;

impl Default for LogsConfig {
    fn default() -> Self {
        let day = Some(Duration::from_secs(24 * 3600));
        Self { compress_after: day, remove_journals_after: day, max_bytes: Some(1024 * MEGABYTE) }
    }
}

/// `[logs]`, as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsTable {
    compress_after_hours: Option<f64>,
    remove_journals_after_hours: Option<f64>,
    max_megabytes: Option<u64>,
}

impl LogsTable {
    pub(super) fn check(self) -> Result<LogsConfig, String> {
        let default = LogsConfig::default();
        let compress = ("compress_after_hours in [logs]", self.compress_after_hours, default.compress_after);
        let remove =
            ("remove_journals_after_hours in [logs]", self.remove_journals_after_hours, default.remove_journals_after);
        let [compress_after, remove_journals_after] =
            [compress, remove].map(|(name, hours, default)| super::duration(name, hours, super::HOURS, default));
        let max_bytes = match self.max_megabytes {
            None => default.max_bytes,
            Some(0) => None,
            Some(megabytes) => Some(megabytes.saturating_mul(MEGABYTE)),
        };
        Ok(LogsConfig { compress_after: compress_after?, remove_journals_after: remove_journals_after?, max_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LogsConfig, String> {
        toml::from_str::<LogsTable>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn hours_may_be_fractions_and_0_is_never() {
        assert_eq!(parse("").unwrap(), LogsConfig::default());
        let config = parse("compress_after_hours = 0.001\nremove_journals_after_hours = 0").unwrap();
        assert_eq!(config.compress_after, Some(Duration::from_millis(3600)));
        assert_eq!(config.remove_journals_after, None);
        assert!(parse("compress_after_hours = -1").unwrap_err().contains("compress_after_hours in [logs]"));
        assert!(parse("compress_after = 1").is_err());
        assert_eq!(config.max_bytes, Some(1 << 30));
        assert_eq!(parse("max_megabytes = 3").unwrap().max_bytes, Some(3 << 20));
        assert_eq!(parse("max_megabytes = 0").unwrap().max_bytes, None);
        assert!(parse("max_megabytes = -1").is_err());
    }
}
