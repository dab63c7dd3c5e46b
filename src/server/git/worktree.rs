//! A card's own git worktree and branch. The project's own checkout is never touched: nothing here runs in it but
//! `git worktree`, which writes to the repository's administrative folder and adds a branch.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};

use super::{GitError, git};
use crate::domain::CardId;

/// How often a worktree is tried to be added, and the pause between two tries.
const ADD_TRIES: u32 = 5;
const ADD_PAUSE: Duration = Duration::from_millis(200);

/// A card's worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    pub path: PathBuf,
    pub branch: String,
}

/// Why a folder cannot be a project. For the user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProject {
    #[error("There is no folder {0}. Give the path of a git repository on the machine that runs Cardume.")]
    Missing(String),
    #[error("{0} is not a git repository. Run “git init” there and make a first commit, or give another folder.")]
    NoRepository(String),
    #[error(
        "The repository {0} has no commit yet. Make a first one (git commit --allow-empty -m start), and add it again."
    )]
    NoCommit(String),
    #[error(
        "{0} belongs to another user, and git refuses to work there. Run “git config --global --add safe.directory {0}” as the user who runs Cardume, and add it again."
    )]
    Owner(String),
    #[error(
        "The repository {0} says that its files lie elsewhere (core.worktree). Run “git config --unset core.worktree” there, or give another folder."
    )]
    Elsewhere(String),
    #[error("{0}")]
    Git(String),
}

/// The top of the repository that `path` lies in, as an absolute path. The repository must have a commit.
pub async fn repository_at(path: &str) -> Result<PathBuf, NotAProject> {
    let folder = Path::new(path);
    if !folder.is_absolute() || !folder.is_dir() {
        return Err(NotAProject::Missing(path.to_owned()));
    }
    let top = match git(folder, &["rev-parse", "--show-toplevel"]).await {
        Ok(top) => PathBuf::from(top.strip_suffix('\n').unwrap_or(&top)),
        Err(GitError::Failed { message, .. }) if message.contains("dubious ownership") => {
            return Err(NotAProject::Owner(path.to_owned()));
        }
        Err(GitError::Failed { .. }) => return Err(NotAProject::NoRepository(path.to_owned())),
        Err(other) => return Err(NotAProject::Git(other.to_string())),
    };
    let top = match (std::fs::canonicalize(&top), std::fs::canonicalize(folder)) {
        (Ok(top), Ok(folder)) if folder.starts_with(&top) => top,
        // Its configuration may say that its files lie anywhere.
        (Ok(_), Ok(_)) => return Err(NotAProject::Elsewhere(path.to_owned())),
        _ => return Err(NotAProject::Missing(path.to_owned())),
    };
    if git(&top, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await.is_err() {
        return Err(NotAProject::NoCommit(path.to_owned()));
    }
    Ok(top)
}

/// The name of a card's branch: `cardume/<short id>-<slug of the title>`.
pub fn branch_name(card: CardId, title: &str) -> String {
    /// So much of a title is enough to know it by.
    const LENGTH_MAX: usize = 40;
    let slug = slug::slugify(title);
    let slug = match slug.get(..=LENGTH_MAX) {
        // Whole words, but for a title that is one long word.
        Some(start) => start.rsplit_once('-').map_or(&start[..LENGTH_MAX], |(words, _)| words),
        None => &slug,
    };
    let slug = if slug.is_empty() { "card" } else { slug };
    format!("cardume/{}-{slug}", card.short())
}

impl Worktree {
    /// Makes the worktree and its branch where they are not there yet. Git wants this done for one card of a repository
    /// at a time.
    pub async fn ensure(&self, project: &Path) -> anyhow::Result<()> {
        if self.path.join(".git").exists() {
            return Ok(());
        }
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut tries = 1;
        while let Err(error) = self.add(project).await {
            // Somebody else may be adding a worktree to the same repository: git reads what the other is just writing.
            if tries == ADD_TRIES || self.path.exists() {
                return Err(error.into());
            }
            tries += 1;
            tokio::time::sleep(ADD_PAUSE).await;
        }
        Ok(())
    }

    async fn add(&self, project: &Path) -> Result<(), GitError> {
        // `--force`: a worktree that was deleted by hand is still on git's list, and would stand in the way.
        let mut arguments: Vec<&OsStr> = ["worktree", "add", "--force"].map(OsStr::new).to_vec();
        let reference = format!("refs/heads/{}", self.branch);
        if git(project, &["show-ref", "--verify", "--quiet", &reference]).await.is_ok() {
            arguments.extend([self.path.as_os_str(), OsStr::new(&self.branch)]);
        } else {
            arguments.extend([OsStr::new("-b"), OsStr::new(&self.branch), self.path.as_os_str(), OsStr::new("HEAD")]);
        }
        git(project, &arguments).await.map(drop)
    }

    /// The branch's commit.
    pub async fn head(&self) -> Result<String, GitError> {
        Ok(git(&self.path, &["rev-parse", "HEAD"]).await?.trim().to_owned())
    }

    /// The commit at which the branch left the project's own history.
    pub async fn origin(&self, project: &Path) -> Result<String, GitError> {
        let project = git(project, &["rev-parse", "HEAD"]).await?;
        Ok(git(&self.path, &["merge-base", "HEAD", project.trim()]).await?.trim().to_owned())
    }

    /// Commits whatever has changed; answers the new commit, or `None` where nothing had.
    pub async fn commit_all(&self, message: &str) -> Result<Option<String>, GitError> {
        self.stage_all().await?;
        if git(&self.path, &["diff", "--no-ext-diff", "--no-textconv", "--cached", "--quiet"]).await.is_ok() {
            return Ok(None);
        }
        git(&self.path, &["commit", "--quiet", "--no-verify", &format!("--message={message}")]).await?;
        self.head().await.map(Some)
    }

    /// Repositories within the worktree are put on the commit as they are known to it, by their own last commit. Not by
    /// `git add`, which would ask each whether it has changed, with the filters of its own configuration.
    async fn stage_all(&self) -> Result<(), GitError> {
        let listed = git(&self.path, &["ls-files", "--stage", "-z"]).await?;
        let entries = listed.split('\0').filter_map(|entry| entry.split_once('\t'));
        let inner: Vec<&str> = entries.filter(|(what, _)| what.starts_with("160000 ")).map(|(_, path)| path).collect();
        if inner.is_empty() {
            return git(&self.path, &["add", "--all"]).await.map(drop);
        }
        let mut add = ["add", "--all", "--", "."].map(str::to_owned).to_vec();
        add.extend(inner.iter().map(|path| format!(":(top,exclude,literal){path}")));
        git(&self.path, &add).await?;
        git(&self.path, &[&["update-index", "--remove", "--"], &inner[..]].concat()).await.map(drop)
    }

    /// Puts a file on the next commit even where the repository ignores it.
    pub async fn add_even_ignored(&self, file: &str) -> Result<(), GitError> {
        git(&self.path, &["add", "--force", "--", file]).await.map(drop)
    }

    /// The newest plan, `specs/….md`, that was written since `base`, committed or not.
    pub async fn spec_since(&self, base: &str) -> Result<Option<String>, GitError> {
        let uncommitted = git(&self.path, &["ls-files", "-z", "--others", "--modified", "--", "specs"]).await?;
        let staged = git(&self.path, &["diff", "--no-ext-diff", "--name-only", "-z", base, "--", "specs"]).await?;
        let files = uncommitted.split('\0').chain(staged.split('\0'));
        let newest = files.filter_map(|file| Some((self.spec_time(file)?, file))).max();
        Ok(newest.map(|(_, file)| file.to_owned()))
    }

    /// Whether `file` is there and is a plan.
    pub fn has_spec(&self, file: &str) -> bool {
        self.spec_time(file).is_some()
    }

    /// When `file` was written, if it is what a planning stage is to leave: a regular file with something in it,
    /// `specs/*.md`, and no link that leads elsewhere.
    fn spec_time(&self, file: &str) -> Option<SystemTime> {
        let name = file.strip_prefix("specs/")?;
        if name.contains('/') || !name.ends_with(".md") {
            return None;
        }
        let folder = std::fs::symlink_metadata(self.path.join("specs")).ok()?;
        let metadata = std::fs::symlink_metadata(self.path.join(file)).ok()?;
        (folder.is_dir() && metadata.is_file() && metadata.len() > 0).then(|| metadata.modified().ok()).flatten()
    }

    /// What a plan says, if it is there; of a long one no more than `max` bytes. No link is followed, however quickly
    /// somebody puts one there.
    pub fn read_spec(&self, file: &str, max: u64) -> Option<String> {
        let name = file.strip_prefix("specs/").filter(|name| !name.contains('/'))?;
        let (flags, mode) = (OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty());
        let top = rustix::fs::open(&self.path, flags | OFlags::DIRECTORY, mode).ok()?;
        let folder = rustix::fs::openat(top, "specs", flags | OFlags::DIRECTORY, mode).ok()?;
        let file = std::fs::File::from(rustix::fs::openat(folder, name, flags, mode).ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = vec![];
        file.take(max).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Takes the worktree away; its branch stays.
    pub async fn remove(&self, project: &Path) -> Result<(), GitError> {
        let path = self.path.as_os_str();
        git(project, &["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), path]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> CardId {
        "0190a1b2-0000-7000-8000-00000000beef".parse().unwrap()
    }

    #[test]
    fn a_branch_is_named_after_card_and_title() {
        assert_eq!(branch_name(card(), "Add a Cache!"), "cardume/0000beef-add-a-cache");
        assert_eq!(branch_name(card(), "$(rm -rf /); ../.. \n--force"), "cardume/0000beef-rm-rf-force");
        assert_eq!(branch_name(card(), "…"), "cardume/0000beef-card");
        assert!(branch_name(card(), &"x".repeat(300)).len() < 60);
        let title = "Repair the greenhouse roof before the first frost";
        assert_eq!(branch_name(card(), title), "cardume/0000beef-repair-the-greenhouse-roof-before-the");
    }

    async fn repository() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("project");
        std::fs::create_dir(&path).unwrap();
        git(&path, &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        std::fs::write(path.join("README.md"), "hello\n").unwrap();
        git(&path, &["add", "--all"]).await.unwrap();
        git(&path, &["commit", "--quiet", "--message=start"]).await.unwrap();
        (dir, path)
    }

    #[tokio::test]
    async fn a_worktree_leaves_the_checkout_alone() {
        let (dir, project) = repository().await;
        let worktree = Worktree { path: dir.path().join("trees/one"), branch: "cardume/one".into() };
        worktree.ensure(&project).await.unwrap();
        worktree.ensure(&project).await.unwrap();
        let base = worktree.head().await.unwrap();
        assert_eq!(worktree.spec_since(&base).await.unwrap(), None);

        std::fs::create_dir(worktree.path.join("specs")).unwrap();
        std::fs::write(worktree.path.join("specs/a plan.md"), "# Plan\n").unwrap();
        assert_eq!(worktree.spec_since(&base).await.unwrap().as_deref(), Some("specs/a plan.md"));
        assert!(worktree.commit_all("-m plan").await.unwrap().is_some());
        assert_eq!(worktree.commit_all("again").await.unwrap(), None);
        assert_eq!(worktree.spec_since(&base).await.unwrap().as_deref(), Some("specs/a plan.md"));
        // The project goes on meanwhile; the branch still knows where it left it.
        git(&project, &["commit", "--quiet", "--allow-empty", "--message=more"]).await.unwrap();
        assert_eq!(worktree.origin(&project).await.unwrap(), base);

        assert_eq!(git(&project, &["status", "--porcelain"]).await.unwrap(), "");
        assert!(!project.join("specs").exists());

        // A worktree deleted by hand comes back with what was committed.
        std::fs::remove_dir_all(&worktree.path).unwrap();
        worktree.ensure(&project).await.unwrap();
        assert!(worktree.has_spec("specs/a plan.md"));
        assert_eq!(worktree.read_spec("specs/a plan.md", 4).as_deref(), Some("# Pl"));
        for other in ["specs/another.md", "specs/../specs/a plan.md", "a plan.md", "specs/"] {
            assert_eq!(worktree.read_spec(other, 100), None, "{other}");
        }
    }

    /// Git reads what another `git worktree add` is just writing, and gives up: “failed to read …/commondir”.
    #[tokio::test]
    async fn worktrees_added_at_once_do_not_fail_each_other() {
        let (dir, project) = repository().await;
        for round in 0..5 {
            let one = |n: i32| {
                let name = format!("{round}-{n}");
                let worktree =
                    Worktree { path: dir.path().join("trees").join(&name), branch: format!("cardume/{name}") };
                let project = project.clone();
                async move { worktree.ensure(&project).await }
            };
            for made in futures::future::join_all((0..6).map(one)).await {
                made.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn an_ignored_spec_counts_and_a_link_does_not() {
        let (dir, project) = repository().await;
        let worktree = Worktree { path: dir.path().join("trees/two"), branch: "cardume/two".into() };
        worktree.ensure(&project).await.unwrap();
        let base = worktree.head().await.unwrap();
        std::fs::create_dir(worktree.path.join("specs")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", worktree.path.join("specs/link.md")).unwrap();
        std::fs::write(worktree.path.join("specs/empty.md"), "").unwrap();
        assert_eq!(worktree.spec_since(&base).await.unwrap(), None);
        std::fs::write(worktree.path.join(".gitignore"), "specs\n").unwrap();
        std::fs::write(worktree.path.join("specs/real.md"), "# Plan\n").unwrap();
        assert_eq!(worktree.spec_since(&base).await.unwrap().as_deref(), Some("specs/real.md"));
    }

    #[tokio::test]
    async fn what_is_no_project_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        assert_eq!(repository_at(&path).await, Err(NotAProject::NoRepository(path.clone())));
        assert!(matches!(repository_at("relative").await, Err(NotAProject::Missing(_))));
        git(dir.path(), &["init", "--quiet"]).await.unwrap();
        assert_eq!(repository_at(&path).await, Err(NotAProject::NoCommit(path.clone())));
    }
}
