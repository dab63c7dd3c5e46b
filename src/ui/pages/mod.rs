//! The pages: each loads what it shows and hands it on.

mod board;
mod card;
mod loaded;
mod not_found;
mod title;

pub use board::BoardPage;
pub use card::CardPage;
pub use not_found::NotFound;
