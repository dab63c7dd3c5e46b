//! How somebody wants the pages. The page has what it was rendered with: another choice is another page.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use leptos::prelude::*;

use super::language;
use crate::ui::Locale;

/// What one browser has chosen, as a cookie of its says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    pub theme: Theme,
    pub language: Locale,
}

/// Light, dark, or as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The value of CSS's `color-scheme`.
    pub fn color_scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            forced => forced.as_str(),
        }
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Theme {
    type Err = Infallible;

    /// What is no theme is the system's.
    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self::ALL.into_iter().find(|theme| theme.as_str() == word).unwrap_or_default())
    }
}

/// Lets what is rendered from here on be as it was chosen. For the server.
pub fn provide_preferences(preferences: Preferences) {
    provide_context(preferences.language);
    provide_context(preferences.theme);
}

/// What the page was rendered with.
pub fn use_preferences() -> Preferences {
    Preferences { theme: theme(), language: language() }
}

#[cfg(not(feature = "hydrate"))]
fn theme() -> Theme {
    use_context().unwrap_or_default()
}

#[cfg(feature = "hydrate")]
fn theme() -> Theme {
    let chosen = document().document_element().and_then(|root| root.get_attribute("data-theme"));
    chosen.and_then(|word| word.parse().ok()).unwrap_or_default()
}
