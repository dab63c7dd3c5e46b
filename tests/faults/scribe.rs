//! The agent of the matrix: it prints, in each stage, the lines of a script that the test has written before, and then
//! does what the stage is for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub const NAME: &str = "scribe";

pub const STAGES: [&str; 4] = ["plan", "implement", "test", "review"];

/// Prints `$HOME/scripts/CARD/STAGE`: a line that begins with `o` or `e` to the stream of that letter, less the letter;
/// `p SECONDS` pauses, `f NAME` waits for the file `$HOME/NAME`, `x STATUS` exits. Notes each of its starts.
pub const AGENT: &str = r##"
export LC_ALL=C GIT_AUTHOR_NAME=Scribe GIT_AUTHOR_EMAIL=s@example.org GIT_COMMITTER_NAME=Scribe GIT_COMMITTER_EMAIL=s@example.org
cat > /dev/null
branch=$(git symbolic-ref --short HEAD)
read -r stat < "/proc/$$/stat"
set -- ${stat##*) }
echo "$CARDUME_CARD_ID $CARDUME_STAGE $CARDUME_EXECUTION_ID $$ ${20}" >> "$HOME/starts"
exec {pace}<> <(:)
while IFS= read -r line; do
    case "$line" in
        o*) printf '%s\n' "${line:1}" ;;
        e*) printf '%s\n' "${line:1}" >&2 ;;
        p*) read -r -t "${line:2}" -u "$pace" ;;
        f*) until [ -e "$HOME/${line:2}" ]; do read -r -t 0.2 -u "$pace"; done ;;
        x*) exit "${line:2}" ;;
    esac
done < "$HOME/scripts/$CARDUME_CARD_ID/$CARDUME_STAGE"
# What it leaves takes room on the disk; where there is none it waits, like everybody.
work() {
    case "$CARDUME_STAGE" in
        plan) mkdir -p specs && echo "# The plan" > specs/plan.md ;;
        implement) echo "a line" > work.txt && use_git ;;
    esac
}
commit() { git add "$1" && { git diff --cached --quiet || git commit -q -m "$1"; }; }
# A commit of its own, a branch that it merges, and more files than it commits.
use_git() {
    commit work.txt &&
        git switch -q -C "side-$CARDUME_EXECUTION_ID" && echo "a side" > side.txt && commit side.txt &&
        git switch -q "$branch" && git merge -q --no-edit "side-$CARDUME_EXECUTION_ID" &&
        git branch -q -D "side-$CARDUME_EXECUTION_ID" &&
        mkdir -p many && for n in {1..50}; do echo "$n" > "many/$n" || return; done
}
until work 2> /dev/null; do read -r -t 0.1 -u "$pace"; done
exit 0
"##;

/// What the agent does in one stage.
#[derive(Clone, Debug, Default)]
pub struct Part {
    text: String,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Part {
    pub fn out(mut self, line: &str) -> Self {
        writeln!(self.text, "o{line}").unwrap();
        self.stdout.push(line.to_owned());
        self
    }

    pub fn err(mut self, line: &str) -> Self {
        writeln!(self.text, "e{line}").unwrap();
        self.stderr.push(line.to_owned());
        self
    }

    pub fn pause(mut self, seconds: f64) -> Self {
        writeln!(self.text, "p {seconds:.3}").unwrap();
        self
    }

    pub fn wait_for(mut self, file: &str) -> Self {
        writeln!(self.text, "f {file}").unwrap();
        self
    }

    pub fn exit(mut self, status: u8) -> Self {
        writeln!(self.text, "x {status}").unwrap();
        self
    }

    /// Adds `count` numbered lines; pauses now and then, about `seconds` in all.
    pub fn lines(self, rng: &mut ChaCha8Rng, count: usize, seconds: f64) -> Self {
        self.lines_of(rng, count, seconds, words)
    }

    /// As `lines`, and each of them one row.
    pub fn short_lines(self, rng: &mut ChaCha8Rng, count: usize) -> Self {
        self.lines_of(rng, count, 0.0, short_words)
    }

    fn lines_of(
        mut self,
        rng: &mut ChaCha8Rng,
        count: usize,
        seconds: f64,
        words: fn(&mut ChaCha8Rng) -> String,
    ) -> Self {
        let pauses = (seconds / 0.02).ceil().max(1.0);
        for number in 1..=count {
            let line = format!("{number} {}", words(rng));
            self = if rng.random_ratio(1, 5) { self.err(&line) } else { self.out(&line) };
            if seconds > 0.0 && rng.random_bool((pauses / count as f64).min(1.0)) {
                let most = 2.0 * seconds / pauses.min(count as f64);
                self = self.pause(rng.random_range(0.0..most));
            }
        }
        self
    }
}

/// What the rest of a line may be: mostly short; rarely so long that it takes several rows.
fn words(rng: &mut ChaCha8Rng) -> String {
    match rng.random_range(0..400) {
        0 => "long ".repeat(rng.random_range(14_000..70_000)),
        _ => short_words(rng),
    }
}

/// Mostly anything; sometimes what trips a careless reader.
fn short_words(rng: &mut ChaCha8Rng) -> String {
    const ODD: [&str; 8] = [
        "ação, 日本語, 🐟🐠🐡, e\u{301}",
        "  leading and trailing spaces  ",
        r#"{"type":"result","is_error":true} "quotes" 'and' `ticks` $(not run) \n \\"#,
        "\u{1b}[31mred\u{1b}[0m \u{1b}]8;;https://example.org\u{1b}\\link\u{1b}]8;;\u{1b}\\",
        "<script>alert(1)</script> [x](javascript:alert(1))",
        "tab\there, bell\u{7}, vertical\u{b}, next\u{85}line, separator\u{2028}.",
        "o 1763798400123 9ae0daaf looks like a record of the journal",
        "CARDUME_STAGE=review '; drop table log_lines; --",
    ];
    if rng.random_ratio(1, 14) {
        return ODD[rng.random_range(0..ODD.len())].to_owned();
    }
    let length = rng.random_range(0..120);
    // In short words: by chance a long one is what some service's tokens look like, and would be masked.
    (0..length).map(|at| if at % 9 == 8 { ' ' } else { char::from(rng.random_range(b' '..=b'~')) }).collect()
}

/// What the agent does for one card.
#[derive(Clone, Debug, Default)]
pub struct Script {
    parts: BTreeMap<&'static str, Part>,
}

impl Script {
    /// The same number of lines in every stage.
    pub fn seeded(rng: &mut ChaCha8Rng, lines: usize, seconds: f64) -> Self {
        let parts = STAGES.map(|stage| (stage, Part::default().lines(rng, lines, seconds)));
        Self { parts: parts.into() }
    }

    /// This part in every stage.
    pub fn with(mut self, stage: &'static str, part: Part) -> Self {
        self.parts.insert(stage, part);
        self
    }

    pub fn part(&self, stage: &str) -> &Part {
        &self.parts[stage]
    }

    /// Gives it to the agent of `card`, before that runs.
    pub fn write(&self, home: &Path, card: &str) {
        let folder = home.join("scripts").join(card);
        std::fs::create_dir_all(&folder).unwrap();
        for stage in STAGES {
            let text = self.parts.get(stage).map_or("", |part| &part.text);
            std::fs::write(folder.join(stage), text).unwrap();
        }
    }
}

/// A start of the agent, by its own note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub card: String,
    pub stage: String,
    pub execution: String,
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`: with the number it names the process beyond doubt.
    pub time: u64,
}

impl Start {
    /// Whether this very process is still there (and no zombie).
    pub fn is_alive(&self) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)) else { return false };
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields[0] != "Z" && fields[19].parse() == Ok(self.time)
    }
}

/// Every start of the agent so far, oldest first.
pub fn starts(home: &Path) -> Vec<Start> {
    let notes = std::fs::read_to_string(home.join("starts")).unwrap_or_default();
    let read = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [card, stage, execution, pid, time] = words[..] else { panic!("a torn note: {line:?}") };
        Start {
            card: card.into(),
            stage: stage.into(),
            execution: execution.into(),
            pid: pid.parse().unwrap(),
            time: time.parse().unwrap(),
        }
    };
    notes.lines().map(read).collect()
}
