//! Where git keeps what belongs to a worktree, found by reading git's own files (gitrepository-layout(5)): no command
//! has to work for this, and no setting of the repository changes the answer.

use std::path::{Path, PathBuf};

use super::{GitError, Place};

/// A worktree and its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The repository's own git directory, which all worktrees share.
    pub common: PathBuf,
    /// The worktree.
    pub path: PathBuf,
    /// The worktree's entry in the repository, `common/worktrees/…`. `None` where the repository doesn't know it.
    pub admin: Option<PathBuf>,
}

impl Layout {
    /// Of the worktree `path`, whether it is there or not, in the repository that `project` is a checkout of.
    pub async fn find(project: &Path, path: &Path) -> Result<Self, GitError> {
        let common = Place::folder(project).read(&["rev-parse", "--path-format=absolute", "--git-common-dir"]).await?;
        let common = PathBuf::from(common.strip_suffix('\n').unwrap_or(&common));
        let mut layout = Self { common, path: path.to_owned(), admin: None };
        layout.admin = layout.find_admin();
        Ok(layout)
    }

    /// The entry that names this worktree.
    pub fn find_admin(&self) -> Option<PathBuf> {
        let own = real(&self.path);
        let is_own = |link: &Path| link.parent().is_some_and(|folder| folder == self.path || real(folder) == own);
        self.entries().into_iter().find(|(_, link)| is_own(link)).map(|(admin, _)| admin)
    }

    /// The folders of all worktrees that the repository knows, but for its own checkout.
    pub fn all_worktrees(&self) -> Vec<PathBuf> {
        self.entries().into_iter().filter_map(|(_, link)| Some(link.parent()?.to_owned())).collect()
    }

    /// Each entry, and the `.git` file that it names.
    pub fn entries(&self) -> Vec<(PathBuf, PathBuf)> {
        let entries = std::fs::read_dir(self.common.join("worktrees")).into_iter().flatten().flatten();
        let read = |entry: std::fs::DirEntry| {
            let admin = entry.path();
            let link = read_path(&admin.join("gitdir"))?;
            // Newer versions of git can write it relative to the entry.
            let link = if link.is_absolute() { link } else { normal(&admin.join(link)) };
            Some((admin, link))
        };
        entries.filter_map(read).collect()
    }

    /// Where the worktree's own index and HEAD are changed and read.
    pub fn worktree_place(&self) -> Option<Place> {
        let admin = self.admin.as_ref()?;
        Some(Place::pinned(admin, &self.path).with("GIT_COMMON_DIR", &self.common))
    }

    /// Where references and commits are changed and read, without any worktree.
    pub fn repository_place(&self) -> Place {
        Place::pinned(&self.common, &self.common)
    }

    /// Whether the worktree has some of the repository's files only (git-sparse-checkout(1)).
    pub async fn is_sparse(&self) -> bool {
        let Some(place) = self.worktree_place() else { return false };
        place
            .read(&["config", "--type=bool", "--get", "core.sparseCheckout"])
            .await
            .is_ok_and(|set| set.trim() == "true")
    }

    /// Whether the worktree's `.git` leads to its entry.
    pub fn is_linked(&self) -> bool {
        let named = std::fs::read_to_string(self.path.join(".git")).ok();
        let named =
            named.as_deref().and_then(|text| text.strip_prefix("gitdir: ")).map(|path| path.trim_end_matches('\n'));
        let Some((named, admin)) = named.zip(self.admin.as_deref()) else { return false };
        self.path.join(named) == *admin || normal(&self.path.join(named)) == *admin
    }
}

/// The path that a file of git's holds.
fn read_path(file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(PathBuf::from(text.strip_suffix('\n').unwrap_or(&text)))
}

/// The path with its links resolved, as git writes it, also where the folder itself is gone.
fn real(folder: &Path) -> PathBuf {
    let parent = folder.parent().and_then(|parent| std::fs::canonicalize(parent).ok());
    parent.zip(folder.file_name()).map_or_else(|| folder.to_owned(), |(parent, name)| parent.join(name))
}

/// Without `..` and `.`, by the words alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            std::path::Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}
