//! Real repositories, and agents that do with git what agents do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::super::worktree::Past;
use super::*;

struct Scene {
    dir: TempDir,
    project: PathBuf,
    worktree: Worktree,
    base: String,
}

const CARD: &str = "0190a1b2-0000-7000-8000-00000000beef";
const EXECUTION: &str = "0190a1b2-0000-7000-8000-00000000cafe";

fn execution() -> ExecutionId {
    EXECUTION.parse().unwrap()
}

impl Scene {
    /// A project with some files, a card's worktree, and a first commit of Cardume's on its branch.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        fs::create_dir(&project).unwrap();
        sh(&project, "git init -q -b main && echo one > a && echo two > b && mkdir c && echo three > c/d");
        sh(&project, "git add . && git commit -q -m start");
        let worktree =
            Worktree { path: dir.path().join("data/worktrees").join(CARD), branch: "cardume/0000beef-x".into() };
        let hold = worktree.hold().await.unwrap();
        worktree.ensure(&project, &hold, Past::None).await.unwrap();
        let mut scene = Self { dir, project, worktree, base: String::new() };
        scene.base = scene.tip().await;
        fs::create_dir(scene.path().join("specs")).unwrap();
        fs::write(scene.path().join("specs/plan.md"), "# The plan\n").unwrap();
        scene.done(&hold).await;
        scene.base = scene.tip().await;
        scene
    }

    fn path(&self) -> &Path {
        &self.worktree.path
    }

    /// What the agent does.
    fn agent(&self, script: &str) {
        sh(self.path(), script);
    }

    async fn tip(&self) -> String {
        self.worktree.tip(&self.project).await.unwrap().unwrap()
    }

    fn end(&self) -> StageEnd<'_> {
        StageEnd {
            worktree: &self.worktree,
            project: &self.project,
            card: CARD.parse().unwrap(),
            execution: execution(),
            base: &self.base,
            message: "implement: x",
            at: Timestamp::from_millis(1_763_798_400_123),
            forced: &[],
        }
    }

    async fn done(&self, hold: &Hold) -> OnBranch {
        match self.end().gather(hold).await.unwrap() {
            Gathered::OnBranch(done) => done,
            Gathered::Stopped { why } => panic!("{why}"),
        }
    }

    /// Ends the stage, twice: the second time nothing may be different.
    async fn ends(&self) -> Gathered {
        let hold = self.worktree.hold().await.unwrap();
        let first = self.end().gather(&hold).await.unwrap();
        let state = self.git("for-each-ref --format='%(refname) %(objectname)'");
        let second = self.end().gather(&hold).await.unwrap();
        if let (Gathered::OnBranch(first), Gathered::OnBranch(second)) = (&first, &second) {
            assert_eq!(first.has_changed, second.has_changed);
            assert!(first.warnings.starts_with(&second.warnings), "{first:?} {second:?}");
        }
        assert_eq!(self.git("for-each-ref --format='%(refname) %(objectname)'"), state, "a second try moved something");
        first
    }

    async fn is_done(&self) -> OnBranch {
        match self.ends().await {
            Gathered::OnBranch(done) => {
                self.is_settled();
                done
            }
            Gathered::Stopped { why } => panic!("{why}"),
        }
    }

    async fn is_stopped(&self) -> String {
        match self.ends().await {
            Gathered::OnBranch(done) => panic!("{done:?}"),
            Gathered::Stopped { why } => why,
        }
    }

    /// The worktree is on the card's branch, and git sees nothing that is different.
    fn is_settled(&self) {
        assert_eq!(sh(self.path(), "git symbolic-ref HEAD").trim(), format!("refs/heads/{}", self.worktree.branch));
        assert_eq!(sh(self.path(), "git status --porcelain"), "");
        assert!(self.on_branch("specs/plan.md").is_some(), "the plan is gone");
    }

    /// What a file says at the end of the branch.
    fn on_branch(&self, file: &str) -> Option<String> {
        self.at(&format!("refs/heads/{}", self.worktree.branch), file)
    }

    fn at(&self, commit: &str, file: &str) -> Option<String> {
        let output = Command::new("git")
            .current_dir(&self.project)
            .args(["show", &format!("{commit}:{file}")])
            .output()
            .unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn kept(&self) -> String {
        keep_ref(CARD.parse().unwrap(), execution())
    }

    fn git(&self, command: &str) -> String {
        sh(&self.project, &format!("git {command}"))
    }
}

/// As a user does it, with a name.
fn sh(dir: &Path, script: &str) -> String {
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "Agent")))
        .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "agent@example.org")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_is_not_committed_is_committed_and_what_is_ignored_is_not() {
    let scene = Scene::new().await;
    scene.agent("echo work > work; rm b; echo ignored > .gitignore; echo x > ignored");
    let done = scene.is_done().await;
    assert!(done.has_changed && done.warnings.is_empty(), "{done:?}");
    assert_eq!(scene.on_branch("work").as_deref(), Some("work\n"));
    assert_eq!((scene.on_branch("b"), scene.on_branch("ignored")), (None, None));
    assert_eq!(scene.git(&format!("rev-parse {}", scene.kept())).trim(), scene.tip().await);
    assert_eq!(scene.git("status --porcelain"), "");
}

#[tokio::test]
async fn nothing_at_all_changes_nothing() {
    let scene = Scene::new().await;
    let done = scene.is_done().await;
    assert_eq!((done, scene.tip().await), (OnBranch::default(), scene.base.clone()));
}

#[tokio::test]
async fn own_commits_stay_and_the_rest_is_committed_on_top() {
    let scene = Scene::new().await;
    scene.agent("echo 1 > one; git add one; git commit -q -m mine; echo 2 > two");
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some() && scene.on_branch("two").is_some());
    assert_eq!(
        scene.git(&format!("log --format=%s {}..{}", scene.base, scene.worktree.branch)),
        "implement: x\nmine\n"
    );
}

#[tokio::test]
async fn an_agents_own_branch_and_a_detached_head_are_brought_back() {
    for leave in ["git checkout -q -b mine", "git checkout -q --detach"] {
        let scene = Scene::new().await;
        scene.agent(&format!("{leave}; echo 1 > one; git add one; git commit -q -m mine; echo 2 > two"));
        let done = scene.is_done().await;
        assert!(scene.on_branch("one").is_some() && scene.on_branch("two").is_some(), "{leave}");
        assert!(done.lines.iter().any(|line| line.contains(&scene.worktree.branch)), "{done:?}");
    }
}

#[tokio::test]
async fn a_branch_that_begins_elsewhere_is_merged() {
    let scene = Scene::new().await;
    scene.agent("git checkout -q -b mine main; echo 1 > one; git add one; git commit -q -m mine; echo 2 > two");
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some() && scene.on_branch("two").is_some());
    assert!(scene.path().join("specs/plan.md").exists(), "the next stage's agent finds the plan");
}

#[tokio::test]
async fn work_that_conflicts_with_the_branch_stops_the_stage_and_is_kept() {
    let mut scene = Scene::new().await;
    scene.agent("echo branch > a; git commit -q -a -m branch");
    scene.base = scene.tip().await;
    scene.agent("git checkout -q -b mine main; echo mine > a; git commit -q -a -m mine; echo 2 > two");
    let why = scene.is_stopped().await;
    assert!(why.contains(" a.") && why.contains(&scene.kept()), "{why}");
    assert_eq!(scene.tip().await, scene.base);
    assert_eq!(scene.at(&scene.kept(), "two").as_deref(), Some("2\n"));
    assert_eq!(fs::read_to_string(scene.path().join("a")).unwrap(), "mine\n", "the worktree was touched");
}

#[tokio::test]
async fn what_a_reset_drops_is_kept_and_told() {
    let scene = Scene::new().await;
    scene.agent("echo 1 > one; git add one; git commit -q -m mine; git reset -q --hard HEAD~1");
    let done = scene.is_done().await;
    assert!(!done.has_changed, "{done:?}");
    assert!(done.warnings[0].contains("one") && done.warnings[0].contains(&scene.kept()), "{done:?}");
    let kept = scene.git(&format!("log --format=%s {}", scene.kept()));
    assert!(kept.contains("mine"), "{kept}");
}

#[tokio::test]
async fn a_reset_behind_the_stages_base_takes_nothing_from_the_branch() {
    let scene = Scene::new().await;
    scene.agent("git reset -q --hard main");
    scene.is_done().await;
    assert_eq!(scene.tip().await, scene.base);
    let scene = Scene::new().await;
    scene.agent("git reset -q --hard main; echo 1 > one; git add one; git commit -q -m mine; echo 2 > two");
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some() && scene.on_branch("two").is_some());
}

#[tokio::test]
async fn amending_rebasing_and_squashing_are_no_reason_to_warn() {
    let scene = Scene::new().await;
    scene.agent("echo 1 > one; git add one; git commit -q -m mine; echo 2 > one; git commit -q -a --amend -m better");
    scene.agent(
        "echo 3 > three; git add three; git commit -q -m more; git reset -q --soft HEAD~2; git commit -q -m all",
    );
    let done = scene.is_done().await;
    assert_eq!(done.warnings, [] as [&str; 0]);
    assert_eq!(scene.on_branch("one").as_deref(), Some("2\n"));
    // Even the commit that Cardume made itself.
    let scene = Scene::new().await;
    scene.agent("echo 1 > one; git add one; git commit -q --amend -m 'plan and work'");
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some());
}

#[tokio::test]
async fn a_deleted_branch_is_made_again() {
    let scene = Scene::new().await;
    let branch = scene.worktree.branch.clone();
    scene.agent(&format!(
        "echo 1 > one; git add one; git commit -q -m mine; git checkout -q --detach; git branch -q -D {branch}; echo 2 > two"
    ));
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some() && scene.on_branch("two").is_some());
    let scene = Scene::new().await;
    scene.agent(&format!("echo 1 > one; git update-ref -d refs/heads/{branch}"));
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some());
}

#[tokio::test]
async fn a_repository_in_the_place_of_the_worktrees_own_hides_nothing() {
    let scene = Scene::new().await;
    scene.agent("rm .git; git init -q; echo 1 > one; git add .; git commit -q -m mine; echo 2 > two");
    let done = scene.is_done().await;
    assert!(scene.on_branch("one").is_some() && scene.on_branch("two").is_some());
    assert_eq!(scene.on_branch("c/d").as_deref(), Some("three\n"));
    assert!(scene.worktree.beside("replaced-git-1").join("HEAD").exists(), "{done:?}");
}

#[tokio::test]
async fn a_worktree_that_the_repository_has_forgotten_is_listed_again() {
    let scene = Scene::new().await;
    scene.agent("echo 1 > one; rm -rf \"$(git rev-parse --git-dir)\"");
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some());
    assert_eq!(scene.on_branch("c/d").as_deref(), Some("three\n"));
}

#[tokio::test]
async fn what_was_begun_and_not_finished_is_named() {
    let scene = Scene::new().await;
    scene.agent("git checkout -q -b other; echo other > a; git commit -q -a -m other");
    scene.agent(&format!("git checkout -q {}; echo mine > a; git commit -q -a -m mine", scene.worktree.branch));
    scene.agent("git merge -q other || true");
    let why = scene.is_stopped().await;
    assert!(why.contains("merge") && why.contains(": a."), "{why}");
    assert!(scene.at(&scene.kept(), "a").unwrap().contains("<<<<<<<"), "the work is kept as it is");
    scene.agent("git merge --abort; git rebase -q other || true");
    let why = scene.is_stopped().await;
    assert!(why.contains("rebase") && why.contains(": a."), "{why}");
    scene.agent("git rebase --abort; git cherry-pick other || true");
    assert!(scene.is_stopped().await.contains("cherry-pick"));
}

#[tokio::test]
async fn new_conflict_markers_stop_the_stage_and_old_ones_do_not() {
    const MARKERS: &str = "printf '<<<<<<< mine\\n1\\n=======\\n2\\n>>>>>>> theirs\\n'";
    let mut scene = Scene::new().await;
    scene.agent(&format!("{MARKERS} > 'a file'; git add .; git commit -q -m mine"));
    let why = scene.is_stopped().await;
    assert!(why.contains("conflict markers in a file"), "{why}");
    assert_eq!(scene.at(&scene.kept(), "a file").map(|text| text.len()), Some(40));
    scene.base = scene.tip().await;
    scene.agent("echo 'Heading\n=======' > heading; echo more >> 'a file'");
    scene.is_done().await;
}

#[tokio::test]
async fn locks_that_killed_gits_have_left_are_in_nobodys_way() {
    let scene = Scene::new().await;
    let admin = sh(scene.path(), "git rev-parse --absolute-git-dir").trim().to_owned();
    for lock in ["index.lock", "HEAD.lock", "refs/bisect.lock"] {
        fs::create_dir_all(Path::new(&admin).join("refs")).unwrap();
        fs::write(Path::new(&admin).join(lock), "").unwrap();
    }
    fs::write(scene.project.join(format!(".git/refs/heads/{}.lock", scene.worktree.branch)), "").unwrap();
    fs::create_dir_all(scene.worktree.beside("snapshot")).unwrap();
    fs::write(scene.worktree.beside("snapshot").join("index.lock"), "").unwrap();
    fs::write(scene.path().join("one"), "1").unwrap();
    scene.is_done().await;
    assert!(scene.on_branch("one").is_some());
}

#[tokio::test]
async fn a_damaged_index_costs_no_file() {
    for damage in [
        "echo garbage > \"$D/index\"",
        ": > \"$D/index\"",
        "rm \"$D/index\"",
        "head -c 50 \"$D/index\" > x; mv x \"$D/index\"",
    ] {
        let scene = Scene::new().await;
        scene.agent(&format!("echo 1 > one; D=$(git rev-parse --git-dir); {damage}"));
        scene.is_done().await;
        for file in ["one", "a", "b", "c/d"] {
            assert!(scene.on_branch(file).is_some(), "{damage}: {file}");
        }
    }
}

#[tokio::test]
async fn an_ignored_file_on_the_index_counts_and_one_taken_off_it_does_not() {
    let scene = Scene::new().await;
    scene.agent("echo '*.log\nb' > .gitignore; echo 1 > a.log; git add -f a.log; echo 2 > b.log; git rm -q --cached b");
    scene.is_done().await;
    assert!(scene.on_branch("a.log").is_some());
    assert_eq!((scene.on_branch("b.log"), scene.on_branch("b")), (None, None));
}

#[tokio::test]
async fn a_sparse_checkout_loses_nothing() {
    let scene = Scene::new().await;
    scene.agent("git sparse-checkout set c; [ ! -e a ] || rm a; git sparse-checkout set --no-cone /c /specs");
    scene.agent("[ ! -e a ]; echo 1 > one; mkdir -p other; echo 2 > other/two; echo changed > c/d");
    let done = scene.end();
    let hold = scene.worktree.hold().await.unwrap();
    assert!(matches!(done.gather(&hold).await.unwrap(), Gathered::OnBranch(_)));
    for file in ["a", "b", "one", "other/two"] {
        assert!(scene.on_branch(file).is_some(), "{file}");
    }
    assert_eq!(scene.on_branch("c/d").as_deref(), Some("changed\n"));
    // Without its index, too.
    scene.agent("echo 3 > three; rm \"$(git rev-parse --git-dir)/index\"");
    assert!(matches!(done.gather(&hold).await.unwrap(), Gathered::OnBranch(_)));
    for file in ["a", "b", "three"] {
        assert!(scene.on_branch(file).is_some(), "{file}");
    }
}

#[tokio::test]
async fn settings_of_the_repository_lead_nowhere() {
    let scene = Scene::new().await;
    let elsewhere = scene.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("secret"), "secret").unwrap();
    for setting in ["core.worktree", "core.bare"] {
        let value = if setting == "core.bare" { "true".to_owned() } else { elsewhere.display().to_string() };
        scene.agent(&format!("echo 1 > one; git config extensions.worktreeConfig true; git config {setting} {value}"));
        scene.agent(&format!("git --work-tree=. config --worktree {setting} {value} || true"));
    }
    let hold = scene.worktree.hold().await.unwrap();
    scene.done(&hold).await;
    assert!(scene.on_branch("one").is_some() && scene.on_branch("a").is_some());
    assert_eq!(scene.on_branch("secret"), None);
}

#[tokio::test]
async fn a_repository_without_a_commit_within_the_worktree_is_named() {
    let scene = Scene::new().await;
    scene.agent("git init -q nested; echo 1 > nested/one");
    let hold = scene.worktree.hold().await.unwrap();
    let error = scene.end().gather(&hold).await.unwrap_err().to_string();
    assert!(error.contains("“nested” is a git repository without a commit"), "{error}");
}

#[tokio::test]
async fn what_did_not_end_well_is_kept_and_nothing_is_moved() {
    let scene = Scene::new().await;
    scene.agent("echo 1 > one; git checkout -q --detach; git add one; git commit -q -m mine; echo 2 > two");
    let hold = scene.worktree.hold().await.unwrap();
    scene.end().keep_all(&hold).await.unwrap();
    assert_eq!(scene.tip().await, scene.base);
    assert!(scene.at(&scene.kept(), "one").is_some() && scene.at(&scene.kept(), "two").is_some());
    assert_eq!(sh(scene.path(), "git status --porcelain"), "?? two\n");
}

#[tokio::test]
async fn a_repository_that_was_cloned_again_is_named_as_such() {
    let scene = Scene::new().await;
    scene.agent("echo 1 > one");
    fs::rename(&scene.project, scene.dir.path().join("old")).unwrap();
    sh(scene.dir.path(), "git clone -q old project && git -C project remote remove origin");
    sh(&scene.project, "rm -rf .git && git init -q -b main && git add . && git commit -q -m other");
    let hold = scene.worktree.hold().await.unwrap();
    let error = scene.end().gather(&hold).await.unwrap_err().to_string();
    assert!(error.contains("no longer knows the card's worktree"), "{error}");
    assert!(scene.path().join("one").exists());
}
