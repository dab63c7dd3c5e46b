//! `[stages]`: how long a stage may take, and how often Cardume begins one again by itself.

use serde::Deserialize;

use crate::server::engine::StageLimits;

/// As it stands in `cardume.toml`. Minutes may have a fraction.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stages {
    timeout_minutes: Option<f64>,
    quiet_minutes: Option<f64>,
    resume_at_most: Option<u32>,
}

impl Stages {
    /// An error says what is wrong, without a line.
    pub fn checked(self) -> Result<StageLimits, String> {
        let default = StageLimits::default();
        let minutes = |name, value, default| super::duration(name, value, super::MINUTES, default);
        Ok(StageLimits {
            timeout: minutes("timeout_minutes in [stages]", self.timeout_minutes, default.timeout)?,
            quiet: minutes("quiet_minutes in [stages]", self.quiet_minutes, default.quiet)?,
            resume_at_most: self.resume_at_most.unwrap_or(default.resume_at_most),
            log_bytes: default.log_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<StageLimits, String> {
        toml::from_str::<Stages>(text).map_err(|error| error.to_string())?.checked()
    }

    #[test]
    fn without_a_word_the_limits_are_generous() {
        let limits = read("").unwrap();
        assert_eq!(limits.timeout, Some(Duration::from_secs(4 * 3600)));
        assert_eq!(limits.quiet, Some(Duration::from_secs(600)));
        assert_eq!(limits.resume_at_most, 3);
    }

    #[test]
    fn minutes_may_be_fractions_and_zero_is_no_limit() {
        let limits = read("timeout_minutes = 0.05\nquiet_minutes = 0\nresume_at_most = 0").unwrap();
        assert_eq!((limits.timeout, limits.quiet, limits.resume_at_most), (Some(Duration::from_secs(3)), None, 0));
    }

    #[test]
    fn what_is_no_number_of_minutes_is_refused() {
        for wrong in ["timeout_minutes = -1", "timeout_minutes = nan", "quiet_minutes = 1e12", "timeout = 3"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
