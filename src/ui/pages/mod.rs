//! The pages: each loads what it shows and hands it on.

mod board;
mod card;
mod loaded;
mod not_found;
mod part;
mod title;
mod usage;

pub use not_found::NotFound;
pub use part::{PageRoute, Part};
