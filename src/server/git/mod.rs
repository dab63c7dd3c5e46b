//! Everything that Cardume does with git: cards' worktrees and branches, and bundles for backups. The only room that
//! runs git.

pub mod bundle;
mod command;
pub mod worktree;

pub use command::{GitError, git};
