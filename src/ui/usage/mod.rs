//! What agents used: sums, a chart and a table for each way to tell them apart. It stands still: what is asked for is in
//! the page's address, by links.

mod asked;
mod measure;
mod report;
mod table;

pub use asked::{Asked, Periods, Projects};
pub use report::Report;
