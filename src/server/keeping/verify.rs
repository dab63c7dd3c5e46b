//! Reading a backup: all of it is checked before anything of it is used, and nothing in it is trusted before that.
//!
//! A member's name must be one of those that Cardume gives; so none can lead out of a directory, whatever is in it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::archive::{Hashing, MANIFEST, Manifest, MemberFacts, SEAL_BYTES, SEAL_HEAD, VERSION, hexadecimal};
use crate::domain::{ExecutionId, ProjectId};

/// The manifest of a backup with a million members is shorter.
const MANIFEST_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// A part of a table is held in memory as a whole. It is closed soon after 4 MiB, but one row may be long.
const PART_MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// A backup of which every byte was checked.
pub struct Verified {
    file: File,
    /// Without the seal.
    length: u64,
    pub manifest: Manifest,
}

/// What a member's name says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// Of this table.
    Part(String),
    ExecutionFile(ExecutionId, String),
    Bundle(ProjectId),
    Manifest,
}

/// Checks the whole file. An error is a line for the user.
pub fn verify(path: &Path) -> anyhow::Result<Verified> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let length = check_seal(&mut file).with_context(|| format!("{shown} cannot be restored"))?;
    let manifest =
        check_members(&file, length).with_context(|| format!("{shown} is no backup that this Cardume can read"))?;
    Ok(Verified { file, length, manifest })
}

impl Verified {
    /// How many bytes all members have together.
    pub fn bytes(&self) -> u64 {
        self.manifest.members.iter().map(|member| member.bytes).sum()
    }

    /// Hands out every member but the manifest, in their order.
    pub fn each(&self, mut take: impl FnMut(Member, &mut dyn Read) -> anyhow::Result<()>) -> anyhow::Result<()> {
        each_entry(&self.file, self.length, |name, _, content| match member(name) {
            Some(Member::Manifest) => Ok(()),
            Some(member) => take(member, content),
            None => bail!("it has a member of the name {name:?}"),
        })
    }
}

/// Answers the length of what is sealed.
fn check_seal(file: &mut File) -> anyhow::Result<u64> {
    let broken = "it is damaged or not complete; take another backup";
    let length = file.metadata()?.len().checked_sub(SEAL_BYTES).context(broken)?;
    let mut hashing = Hashing::new(BufReader::with_capacity(1 << 20, &mut *file).take(length));
    io::copy(&mut hashing, &mut io::sink())?;
    let (_, digest) = hashing.finish();
    let mut seal = vec![];
    file.seek(SeekFrom::Start(length))?;
    file.read_to_end(&mut seal)?;
    ensure!(seal == [&SEAL_HEAD[..], &digest[..]].concat(), broken);
    Ok(length)
}

fn check_members(file: &File, length: u64) -> anyhow::Result<Manifest> {
    let mut found = vec![];
    let mut names = HashSet::new();
    let mut manifest: Option<Manifest> = None;
    each_entry(file, length, |name, bytes, content| {
        ensure!(manifest.is_none(), "it goes on behind its manifest");
        ensure!(names.insert(name.to_owned()), "it has two members of the name {name}");
        match member(name).with_context(|| format!("it has a member of the name {name:?}"))? {
            Member::Manifest => {
                ensure!(bytes <= MANIFEST_MAX_BYTES, "its manifest is too long");
                manifest = Some(parse_manifest(content)?);
                return Ok(());
            }
            Member::Part(_) => ensure!(bytes <= PART_MAX_BYTES, "{name} is too long"),
            Member::ExecutionFile(..) | Member::Bundle(_) => {}
        }
        let mut hashing = Hashing::new(content);
        io::copy(&mut hashing, &mut io::sink())?;
        let (_, digest) = hashing.finish();
        found.push(MemberFacts { name: name.to_owned(), bytes, sha256: hexadecimal(&digest) });
        Ok(())
    })?;
    let manifest = manifest.context("it has no manifest")?;
    ensure!(manifest.members == found, "its members are not those of its manifest");
    Ok(manifest)
}

fn parse_manifest(content: &mut dyn Read) -> anyhow::Result<Manifest> {
    let value: serde_json::Value = serde_json::from_reader(content).context("its manifest cannot be read")?;
    let version = value["version"].as_u64();
    ensure!(
        version == Some(u64::from(VERSION)),
        "its format is of version {}, and this Cardume reads version {VERSION}",
        version.map_or_else(|| "?".into(), |version| version.to_string())
    );
    serde_json::from_value(value).context("its manifest cannot be read")
}

fn each_entry(
    mut file: &File,
    length: u64,
    mut take: impl FnMut(&str, u64, &mut dyn Read) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let decoder = zstd::Decoder::new(BufReader::with_capacity(1 << 20, file).take(length))?;
    let mut archive = tar::Archive::new(decoder);
    // Raw: extensions that rename or link are not followed, but found to be no regular files.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).context("a name in it is no text")?;
        ensure!(entry.header().entry_type() == tar::EntryType::Regular, "{name:?} in it is no regular file");
        let bytes = entry.header().entry_size()?;
        take(&name, bytes, &mut entry)?;
    }
    Ok(())
}

/// What the name says, if it is one that Cardume gives.
pub fn member(name: &str) -> Option<Member> {
    if name == MANIFEST {
        return Some(Member::Manifest);
    }
    let mut parts = name.split('/');
    let member = match (parts.next()?, parts.next()?, parts.next()) {
        ("database", part, None) => {
            let (number, table) = part.strip_suffix(".jsonl")?.split_once('-')?;
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let is_number = number.len() >= 6 && number.chars().all(|c| c.is_ascii_digit());
            (is_number && !table.is_empty() && table.chars().all(is_plain)).then(|| Member::Part(table.into()))
        }
        ("executions", id, Some(file)) => {
            is_plain_file(file).then(|| Some(Member::ExecutionFile(canonical(id)?, file.into())))?
        }
        ("bundles", bundle, None) => Some(Member::Bundle(canonical(bundle.strip_suffix(".bundle")?)?)),
        _ => None,
    };
    if parts.next().is_some() { None } else { member }
}

/// An id, written as Cardume writes it and no other way.
fn canonical<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|id: &T| id.to_string() == text)
}

/// Whether this may be the name of a file in an execution's directory.
pub fn is_plain_file(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cardumes_own_names_are_names() {
        let id = "0190a1b2-0000-7000-8000-00000000beef";
        assert_eq!(member("database/000001-log_lines.jsonl"), Some(Member::Part("log_lines".into())));
        assert!(matches!(member(&format!("executions/{id}/exit.json")), Some(Member::ExecutionFile(..))));
        assert!(matches!(member(&format!("bundles/{id}.bundle")), Some(Member::Bundle(_))));
        for bad in [
            "",
            "/",
            "database",
            "database/1-x.jsonl",
            "database/000001-X.jsonl",
            "database/000001-a/b.jsonl",
            "database/../000001-x.jsonl",
            "/etc/passwd",
            "../../etc/passwd",
            "executions/x/journal",
            &format!("executions/{id}"),
            &format!("executions/{id}/"),
            &format!("executions/{id}/.."),
            &format!("executions/{id}/.hidden"),
            &format!("executions/{id}/a/b"),
            &format!("executions/../{id}/a"),
            &format!("executions/{}/journal", id.to_uppercase()),
            &format!("./executions/{id}/journal"),
            &format!("bundles/{id}.bundle/x"),
            "bundles/x.bundle",
            "manifest.json/",
            "executions/\0/x",
        ] {
            assert_eq!(member(bad), None, "{bad:?}");
        }
    }
}
