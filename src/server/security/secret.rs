//! Secrets: made of the kernel's randomness, kept as hashes.
//!
//! SHA-256 is enough for what is random; a password, which somebody thought up, gets argon2id.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// `BYTES` random bytes in lowercase hex.
pub fn random<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the kernel has no randomness: {error}"))?;
    Ok(hex(&bytes))
}

/// A token, which says whose it is, so that people and scanners know one when they see it.
pub fn new_token() -> anyhow::Result<String> {
    Ok(format!("cardume_{}", random::<32>()?))
}

/// As the database keeps it. Looking one up there takes a time that tells of hashes, and so nothing of a secret.
pub fn hash(secret: &str) -> String {
    hex(&digest(secret))
}

pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// In a time that does not depend on where they differ.
pub fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// The argon2id string of a password. Takes tens of milliseconds and 19 MiB.
pub fn hash_password(password: &str) -> anyhow::Result<String> {
    let hashed: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hashed.to_string())
}

/// Takes as long.
pub fn is_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains("horse"), "{hash}");
        assert_ne!(hash, hash_password("correct horse").unwrap());
        assert!(is_password("correct horse", &hash) && !is_password("correct horsf", &hash));
        assert!(!is_password("", "") && !is_password("x", "no hash at all"));
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one != other && one.len() == "cardume_".len() + 64);
        assert!(is_same(&digest(&one), &digest(&one)) && !is_same(&digest(&one), &digest(&other)));
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
