//! Everything that Cardume does with git: cards' worktrees and branches, what a stage leaves, and bundles for backups.
//! The only room that runs git.
//!
//! Its rules: whatever changes a worktree is done under its [`Hold`]; each step can be repeated from wherever an earlier
//! try was cut off; nothing that an agent produced becomes unreachable ([`stage_end`]); and nothing in a repository can
//! lead Cardume's own git elsewhere ([`Place`]).

pub mod aside;
pub mod belonging;
pub mod bundle;
mod command;
mod hold;
mod layout;
mod leftovers;
mod project;
pub mod removal;
mod snapshot;
mod spec;
mod stage_end;
mod watch;
pub mod worktree;

pub use command::{GitError, Place, git};
pub use hold::Hold;
pub use project::{NotAProject, repository_at};
pub use stage_end::{Gathered, OnBranch, StageEnd, keep_ref};
pub use watch::RepositoryState;
