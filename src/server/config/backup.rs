//! `[backup]`: how often a backup is made, where, and how many are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// `[backup]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupConfig {
    /// `None`: no backup is made by itself.
    pub every: Option<Duration>,
    /// So many of the newest are kept, at least one.
    pub keep: usize,
    /// `None`: `backups` in the data directory.
    pub dir: Option<PathBuf>,
}

impl BackupConfig {
    /// Where backups go.
    pub fn dir(&self, data_dir: &Path) -> PathBuf {
        // A path that is absolute stays as it is.
        data_dir.join(self.dir.as_deref().unwrap_or(Path::new("backups")))
    }
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { every: Some(Duration::from_secs(24 * 3600)), keep: 7, dir: None }
    }
}

/// `[backup]`, as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupTable {
    every_hours: Option<f64>,
    keep: Option<i64>,
    dir: Option<PathBuf>,
}

impl BackupTable {
    pub(super) fn check(self) -> Result<BackupConfig, String> {
        let default = BackupConfig::default();
        let keep = match self.keep {
            None => default.keep,
            Some(keep) => usize::try_from(keep).ok().filter(|keep| (1..=10_000).contains(keep)).ok_or(
                "keep in [backup] is how many backups are kept: 1 to 10000 (every_hours = 0 switches backups off)",
            )?,
        };
        if self.dir.as_ref().is_some_and(|dir| dir.as_os_str().is_empty()) {
            return Err("dir in [backup] is empty; leave it out for “backups” in the data directory".into());
        }
        let every = super::duration("every_hours in [backup]", self.every_hours, super::HOURS, default.every)?;
        Ok(BackupConfig { every, keep, dir: self.dir })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BackupConfig, String> {
        toml::from_str::<BackupTable>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn without_a_word_it_is_daily() {
        let config = parse("").unwrap();
        assert_eq!(config, BackupConfig::default());
        assert_eq!(config.dir(Path::new("/data")), Path::new("/data/backups"));
    }

    #[test]
    fn what_is_written_is_taken() {
        let config = parse("every_hours = 0.5\nkeep = 3\ndir = \"/elsewhere\"").unwrap();
        assert_eq!((config.every, config.keep), (Some(Duration::from_secs(1800)), 3));
        assert_eq!(config.dir(Path::new("/data")), Path::new("/elsewhere"));
        assert_eq!(parse("every_hours = 0").unwrap().every, None);
        assert_eq!(parse("dir = \"x\"").unwrap().dir(Path::new("/data")), Path::new("/data/x"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in ["keep = 0", "keep = -1", "every_hours = -1", "every_hours = nan", "dir = \"\"", "keeps = 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
