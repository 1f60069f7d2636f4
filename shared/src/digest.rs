//! Digests that stand in keys and beside stored documents.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes` in lowercase hex, 64 characters.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A 128-bit digest over a list of fields, in lowercase hex, 32 characters.
///
/// Each field goes in with its length, so that `["ab", "c"]` and `["a", "bc"]` differ; an absent
/// field differs from an empty one.
pub fn of_fields<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let mut hasher = Sha256::new();
    for field in fields {
        match field {
            Some(text) => {
                hasher.update((text.len() as u64 + 1).to_be_bytes());
                hasher.update(text.as_bytes());
            }
            None => hasher.update(0_u64.to_be_bytes()),
        }
    }
    hex(&hasher.finalize()[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let digests = [
            of_fields([Some("ab"), Some("c")]),
            of_fields([Some("a"), Some("bc")]),
            of_fields([Some("abc")]),
            of_fields([Some("abc"), None]),
            of_fields([Some("abc"), Some("")]),
        ];
        let distinct: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
