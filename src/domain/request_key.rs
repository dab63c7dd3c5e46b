//! The name that a client gives to a request, so that it can send it again without doing it twice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An `Idempotency-Key`: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestKey(String);

/// What can't be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("An Idempotency-Key has 1 to {} visible ASCII characters.", RequestKey::MAX_CHARS)]
pub struct BadRequestKey;

impl RequestKey {
    pub const MAX_CHARS: usize = 255;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RequestKey {
    type Error = BadRequestKey;

    fn try_from(text: String) -> Result<Self, BadRequestKey> {
        let is_key = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text)) } else { Err(BadRequestKey) }
    }
}

impl FromStr for RequestKey {
    type Err = BadRequestKey;

    fn from_str(text: &str) -> Result<Self, BadRequestKey> {
        text.to_owned().try_into()
    }
}

impl From<RequestKey> for String {
    fn from(key: RequestKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_some_length() {
        for good in ["a", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "!~", &"k".repeat(255)] {
            assert_eq!(good.parse::<RequestKey>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "é", "a\n", "\u{7f}", &"k".repeat(256)] {
            assert_eq!(bad.parse::<RequestKey>(), Err(BadRequestKey), "{bad:?}");
        }
    }
}
