//! Worktrees of real repositories, made, half made, moved, and removed.

use super::super::{git, removal};
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

async fn ensure(worktree: &Worktree, project: &Path, past: Past) -> Result<(), NotReady> {
    let hold = worktree.hold().await.unwrap();
    worktree.ensure(project, &hold, past).await
}

fn worktree(dir: &tempfile::TempDir, name: &str) -> Worktree {
    Worktree { path: dir.path().join("trees").join(name), branch: format!("cardume/{name}") }
}

#[tokio::test]
async fn a_worktree_leaves_the_checkout_alone() {
    let (dir, project) = repository().await;
    let worktree = worktree(&dir, "one");
    ensure(&worktree, &project, Past::None).await.unwrap();
    ensure(&worktree, &project, Past::None).await.unwrap();
    let base = worktree.tip(&project).await.unwrap().unwrap();
    assert_eq!(worktree.spec_since(&project, &base).await.unwrap(), None);

    std::fs::create_dir(worktree.path.join("specs")).unwrap();
    std::fs::write(worktree.path.join("specs/a plan.md"), "# Plan\n").unwrap();
    assert_eq!(worktree.spec_since(&project, &base).await.unwrap().as_deref(), Some("specs/a plan.md"));
    git(&worktree.path, &["add", "--all"]).await.unwrap();
    git(&worktree.path, &["commit", "--quiet", "--message=plan"]).await.unwrap();
    assert_eq!(worktree.spec_since(&project, &base).await.unwrap().as_deref(), Some("specs/a plan.md"));
    // The project goes on meanwhile; the branch still knows where it left it.
    git(&project, &["commit", "--quiet", "--allow-empty", "--message=more"]).await.unwrap();
    assert_eq!(worktree.origin(&project).await.unwrap(), base);

    assert_eq!(git(&project, &["status", "--porcelain"]).await.unwrap(), "");
    assert!(!project.join("specs").exists());

    // A worktree deleted by hand comes back with what was committed.
    std::fs::remove_dir_all(&worktree.path).unwrap();
    ensure(&worktree, &project, Past::Unknown).await.unwrap();
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
            let (worktree, project) = (worktree(&dir, &format!("{round}-{n}")), project.clone());
            async move { ensure(&worktree, &project, Past::None).await }
        };
        for made in futures::future::join_all((0..6).map(one)).await {
            made.unwrap();
        }
    }
}

#[tokio::test]
async fn a_half_made_worktree_is_made_again() {
    let (dir, project) = repository().await;
    let worktree = worktree(&dir, "one");
    ensure(&worktree, &project, Past::None).await.unwrap();
    for past in [Past::None, Past::Unknown] {
        // As a `git worktree add` leaves it that was killed: locked, with an index lock, without a file.
        let admin = git(&worktree.path, &["rev-parse", "--absolute-git-dir"]).await.unwrap();
        let admin = Path::new(admin.trim());
        std::fs::write(admin.join("locked"), "initializing").unwrap();
        std::fs::write(admin.join("index.lock"), "").unwrap();
        std::fs::remove_file(worktree.path.join("README.md")).unwrap();
        std::fs::rename(worktree.beside("complete"), worktree.beside("making")).unwrap();
        ensure(&worktree, &project, past).await.unwrap();
        assert!(worktree.path.join("README.md").exists(), "{past:?}");
    }
}

#[tokio::test]
async fn a_worktree_from_before_marks_keeps_what_is_in_it() {
    let (dir, project) = repository().await;
    let worktree = worktree(&dir, "one");
    ensure(&worktree, &project, Past::None).await.unwrap();
    std::fs::remove_file(worktree.beside("complete")).unwrap();
    std::fs::write(worktree.path.join("work"), "work").unwrap();
    ensure(&worktree, &project, Past::Unknown).await.unwrap();
    assert!(worktree.path.join("work").exists());
}

#[tokio::test]
async fn a_project_that_was_moved_or_cloned_again() {
    let (dir, project) = repository().await;
    let worktree = worktree(&dir, "one");
    ensure(&worktree, &project, Past::None).await.unwrap();
    std::fs::write(worktree.path.join("work"), "work").unwrap();
    let moved = dir.path().join("moved");
    std::fs::rename(&project, &moved).unwrap();
    ensure(&worktree, &moved, Past::Unknown).await.unwrap();
    assert_eq!(git(&worktree.path, &["status", "--porcelain"]).await.unwrap(), "?? work\n");

    let status = std::process::Command::new("git").arg("clone").arg("-q").arg(&moved).arg(&project).status();
    assert!(status.unwrap().success());
    let error = ensure(&worktree, &project, Past::Unknown).await.unwrap_err();
    assert!(matches!(error, NotReady::Unknown { .. }), "{error}");
    assert!(worktree.path.join("work").exists());
}

#[tokio::test]
async fn a_branch_in_the_way_of_all_others_is_named() {
    let (dir, project) = repository().await;
    git(&project, &["branch", "cardume"]).await.unwrap();
    let error = ensure(&worktree(&dir, "one"), &project, Past::None).await.unwrap_err().to_string();
    assert!(error.contains("git branch -m cardume"), "{error}");
}

#[tokio::test]
async fn an_ignored_spec_counts_and_a_link_a_blank_one_and_an_old_one_do_not() {
    let (dir, project) = repository().await;
    std::fs::create_dir(project.join("specs")).unwrap();
    std::fs::write(project.join("specs/old.md"), "# Old\n").unwrap();
    git(&project, &["add", "--all"]).await.unwrap();
    git(&project, &["commit", "--quiet", "--message=old"]).await.unwrap();
    let worktree = worktree(&dir, "two");
    ensure(&worktree, &project, Past::None).await.unwrap();
    let base = worktree.tip(&project).await.unwrap().unwrap();
    let specs = worktree.path.join("specs");
    std::os::unix::fs::symlink("/etc/hostname", specs.join("link.md")).unwrap();
    std::fs::write(specs.join("empty.md"), "").unwrap();
    std::fs::write(specs.join("blank.md"), "\n \n\t\n").unwrap();
    std::fs::write(specs.join("old.md"), "# Old\n\n").unwrap();
    assert_eq!(worktree.spec_since(&project, &base).await.unwrap(), None);
    std::fs::write(worktree.path.join(".gitignore"), "specs\n").unwrap();
    std::fs::write(specs.join("real.md"), "# Plan\n").unwrap();
    assert_eq!(worktree.spec_since(&project, &base).await.unwrap().as_deref(), Some("specs/real.md"));
    std::fs::remove_file(specs.join("real.md")).unwrap();
    std::fs::write(specs.join("old.md"), "# Old, and more\n").unwrap();
    assert_eq!(worktree.spec_since(&project, &base).await.unwrap().as_deref(), Some("specs/old.md"));
}

#[tokio::test]
async fn removing_a_worktree_leaves_nothing_but_its_branch() {
    let (dir, project) = repository().await;
    let worktree = worktree(&dir, "one");
    ensure(&worktree, &project, Past::None).await.unwrap();
    removal::remove_worktree(&worktree.path, &project).await.unwrap();
    removal::remove_worktree(&worktree.path, &project).await.unwrap();
    let left = std::fs::read_dir(dir.path().join("trees")).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| !name.to_string_lossy().starts_with("repository-")).collect();
    assert_eq!(left, [] as [&str; 0]);
    assert!(worktree.tip(&project).await.unwrap().is_some());
    assert_eq!(git(&project, &["worktree", "list"]).await.unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_project_that_is_a_worktree_itself_begins_at_its_own_commit() {
    let (dir, main) = repository().await;
    let project = dir.path().join("linked");
    git(&main, &["worktree".as_ref(), "add".as_ref(), "-b".as_ref(), "other".as_ref(), project.as_os_str()])
        .await
        .unwrap();
    git(&project, &["commit", "--quiet", "--allow-empty", "--message=other"]).await.unwrap();
    let worktree = worktree(&dir, "one");
    ensure(&worktree, &project, Past::None).await.unwrap();
    let head = git(&project, &["rev-parse", "HEAD"]).await.unwrap();
    assert_eq!(worktree.tip(&project).await.unwrap().as_deref(), Some(head.trim()));
    assert_eq!(worktree.origin(&project).await.unwrap(), head.trim());
}
