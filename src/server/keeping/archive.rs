//! The backup's file: a tar archive, compressed with zstd, that `tar --zstd -t` can list, and a seal behind it.
//!
//! | member | holds |
//! |---|---|
//! | `database/NNNNNN-TABLE.jsonl` | a part of a table, see `store/dump.rs` |
//! | `executions/ID/FILE` | the directory of an execution that had not ended |
//! | `bundles/PROJECT.bundle` | the branches of a project's cards |
//! | `manifest.json` | what all of that is, with the length and SHA-256 of each; the last member |
//!
//! The seal is a frame that zstd skips: the SHA-256 of every byte before it. So one pass over the file tells whether it
//! is whole, before anything in it is interpreted.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::domain::{ExecutionId, ProjectId, Timestamp};

/// The version of the format.
pub const VERSION: u32 = 1;
pub const MANIFEST: &str = "manifest.json";
/// A frame that zstd skips, of 32 bytes.
pub const SEAL_HEAD: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
pub const SEAL_BYTES: u64 = 8 + 32;
const COMPRESSION_LEVEL: i32 = 3;

/// What the archive is of, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Of the format.
    pub version: u32,
    /// Of the Cardume that made it.
    pub cardume: String,
    pub created_at: Timestamp,
    /// `sqlite` or `postgres`; it can be restored into either.
    pub engine: String,
    /// The migrations that made the schema.
    pub migrations: Vec<i64>,
    /// How many rows each table has, in the order in which they must be filled.
    pub tables: Vec<(String, u64)>,
    /// The executions that had not ended.
    pub unfinished: Vec<ExecutionId>,
    pub projects: Vec<ProjectBranches>,
    /// All other members, in their order.
    pub members: Vec<MemberFacts>,
}

/// The branches of a project's cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectBranches {
    pub id: ProjectId,
    pub repository: PathBuf,
    /// Name and commit of each.
    pub branches: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// What a writer is given, one after the other.
pub enum Piece {
    Bytes {
        name: String,
        bytes: Vec<u8>,
    },
    /// The first `length` bytes of an open file.
    File {
        name: String,
        file: File,
        length: u64,
    },
    /// The end; its members are filled in.
    Manifest(Box<Manifest>),
}

/// Writes the archive to an empty file, durably. Fails where the pieces end before the manifest.
pub fn write(file: File, mut pieces: mpsc::Receiver<Piece>) -> anyhow::Result<()> {
    let mut encoder = zstd::Encoder::new(BufWriter::new(Hashing::new(file)), COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    let mut archive = tar::Builder::new(encoder);
    let mut members = vec![];
    loop {
        match pieces.blocking_recv().context("the backup was given up")? {
            Piece::Bytes { name, bytes } => {
                members.push(append(&mut archive, name, bytes.len() as u64, &bytes[..])?);
            }
            Piece::File { name, file, length } => members.push(append(&mut archive, name, length, file)?),
            Piece::Manifest(manifest) => {
                let text = serde_json::to_vec(&Manifest { members, ..*manifest })?;
                append(&mut archive, MANIFEST.to_owned(), text.len() as u64, &text[..])?;
                break;
            }
        }
    }
    let hashing = archive.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    let (mut file, digest) = hashing.finish();
    file.write_all(&SEAL_HEAD)?;
    file.write_all(&digest)?;
    Ok(file.sync_all()?)
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    name: String,
    length: u64,
    source: impl Read,
) -> io::Result<MemberFacts> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o600);
    header.set_size(length);
    header.set_entry_type(tar::EntryType::Regular);
    let mut source = Hashing::new(source.take(length));
    archive.append_data(&mut header, &name, &mut source)?;
    if source.bytes != length {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} became shorter while it was copied")));
    }
    let (_, digest) = source.finish();
    Ok(MemberFacts { name, bytes: length, sha256: hexadecimal(&digest) })
}

/// Hashes what passes.
pub struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    pub fn finish(self) -> (T, [u8; 32]) {
        (self.inner, self.hasher.finalize().into())
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
