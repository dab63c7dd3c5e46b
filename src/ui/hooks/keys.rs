//! Keys for what somebody asks of the server, so that asking again doesn't do it twice.

use leptos::prelude::*;
use leptos::web_sys::js_sys::Math;

use crate::domain::RequestKey;

/// As many values as a double tells apart between 0 and 1.
const RANDOM: f64 = (1_u64 << 52) as f64;

/// The key of what was asked last. It stays while the same is asked again, until that is done.
pub struct Keys<T: 'static>(StoredValue<Option<(T, Option<RequestKey>)>>);

impl<T> Clone for Keys<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Keys<T> {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Keys<T> {
    pub fn new() -> Self {
        Self(StoredValue::new(None))
    }

    pub fn key_for(self, asked: &T) -> Option<RequestKey> {
        if let Some((last, key)) = self.0.try_get_value().flatten()
            && last == *asked
        {
            return key;
        }
        let key = random_key();
        let _ = self.0.try_set_value(Some((asked.clone(), key.clone())));
        key
    }

    /// Asking for the same from now on means another one.
    pub fn done(self) {
        let _ = self.0.try_set_value(None);
    }
}

fn random_key() -> Option<RequestKey> {
    let [one, two] = [(); 2].map(|()| (Math::random() * RANDOM) as u64);
    format!("page/{one:013x}{two:013x}").parse().ok()
}
