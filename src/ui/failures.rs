//! What the page says when the server refuses, or doesn't answer. It never claims more than the page knows.

use super::tr;
use crate::api::Failure;

/// Why something could not be read.
pub fn read_failure(failure: &Failure) -> String {
    if failure.is_unanswered() { tr!(failure.unreachable).to_owned() } else { failure.to_string() }
}

/// Why a change was not made, or that nobody knows whether it was: without an answer, the request may have arrived.
pub fn change_failure(failure: &Failure) -> String {
    if failure.is_unanswered() {
        tr!(failure.unknown).to_owned()
    } else if failure.0.is_outcome_unknown() {
        tr!(failure.unconfirmed).to_owned()
    } else {
        failure.to_string()
    }
}
