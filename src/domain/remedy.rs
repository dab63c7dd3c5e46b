//! What a person can do about a run that can't go on where it is.
//!
//! The words stand in the error, and the page finds them there to offer the button for them.

/// Something that only a person can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The project is somewhere else now.
    ProjectPath,
    /// The worktree is of no more use. Another one can be made from the card's branch.
    NewWorktree,
}

impl Remedy {
    /// What to do, as every error of this kind says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ProjectPath => "Tell Cardume where the project is now",
            Self::NewWorktree => "Retry in a new worktree",
        }
    }

    /// What this error asks for, if anything.
    pub fn of(error: &str) -> Option<Self> {
        [Self::ProjectPath, Self::NewWorktree].into_iter().find(|remedy| error.contains(remedy.words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_found_in_an_error() {
        assert_eq!(Remedy::of("It is gone. Tell Cardume where the project is now: …"), Some(Remedy::ProjectPath));
        assert_eq!(Remedy::of("It is unknown. Retry in a new worktree: …"), Some(Remedy::NewWorktree));
        assert_eq!(Remedy::of("Two tests are red."), None);
    }
}
