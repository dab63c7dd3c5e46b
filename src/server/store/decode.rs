//! From columns to values and back: words, ids, moments and truth values.

use std::borrow::Cow;
use std::error::Error;
use std::str::FromStr;

use crate::domain::Timestamp;

/// A word or an id, as a column holds it.
pub(super) fn parse<T>(text: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(|error: T::Err| sqlx::Error::Decode(Box::new(error)))
}

pub(super) fn moment(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

/// The text as both engines can hold it: Postgres has no NUL, so that it becomes U+FFFD on both.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// The same for a text that may be absent, owned, ready to be bound.
pub(super) fn storable_option(text: Option<&str>) -> Option<String> {
    text.map(|text| storable(text).into_owned())
}
