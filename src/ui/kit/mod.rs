//! Drawing: the pieces that pages are made of. Nothing here knows a card, asks the server, or decides anything.

mod amount;
mod badge;
mod chart;
mod dialog;
mod empty;
mod field;
mod icon;
mod live;
mod masthead;
mod menu;
mod notice;
mod preferences;
mod time;
mod tool;

pub use amount::{dollars, grouped};
pub use badge::{Badge, Mark, Tone};
pub use chart::{Bar, LyingBars, StandingBars};
pub use dialog::{Dialog, come};
pub use empty::Empty;
pub use field::Field;
pub use icon::{Icon, Logo, Shape};
pub use live::{live, pressed, shown};
pub use masthead::Masthead;
pub use menu::MenuFrame;
pub use notice::{ClosableNotice, ConnectionStatus, Notice};
pub use time::{Clocking, Day, Lasted, Moment, date, duration, elapsed};
pub use tool::ToolButton;
