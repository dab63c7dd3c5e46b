//! Whole numbers in JSON: `3` and `3.0` are the same number there, and the same integer to JSON Schema.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// One more than the largest number that there is room for.
const TOO_LARGE: f64 = (1_u64 << 63) as f64;

struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor).map(Self)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        number.try_into().map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() == 0.0 && (-TOO_LARGE..TOO_LARGE).contains(&number) {
            Ok(number as i64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}

pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(Whole::deserialize(deserializer)?.0)
}

/// With `#[serde(default)]` it may be absent, too.
pub fn whole_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|number| number.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let read = |text: &str| whole_or_null(&mut serde_json::Deserializer::from_str(text)).ok();
        for (text, number) in [
            ("3", 3),
            ("3.0", 3),
            ("-1e2", -100),
            ("-9223372036854775808.0", i64::MIN),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(read(text), Some(Some(number)), "{text}");
        }
        assert_eq!(read("null"), Some(None));
        for text in ["3.5", "1e300", "9223372036854775808", "\"3\"", "[]", "true"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
