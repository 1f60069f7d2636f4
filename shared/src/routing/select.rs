//! Selection without state: weighted rendezvous hashing.
//!
//! Every choice draws a number for every user (or session) from a hash of salt, choice and user; the
//! highest wins. No position and no version goes in, so that a change of the choices moves only
//! those whose winner came or went. The hash (XXH3) and the logarithm (a portable one) give the
//! same on every machine: what a laptop explains is what a function decided.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is hashed with a user or a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seed(u64);

impl Seed {
    /// Another salt gives other draws.
    pub(super) fn salt(salt: &str) -> Self {
        Self(xxh3_64_with_seed(salt.as_bytes(), 0))
    }

    /// The seed of one of several choices.
    pub(super) fn choice(self, name: &str) -> Self {
        Self(xxh3_64_with_seed(name.as_bytes(), self.0))
    }

    /// Between 0 and 1, both excluded; always the same for the same user or session.
    pub(super) fn fraction(self, subject: &str) -> f64 {
        // 52 bits and a half: never 0, never 1, and each exact in a double.
        let bits = xxh3_64_with_seed(subject.as_bytes(), self.0) >> 12;
        (bits as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// The number that this choice draws. Of several choices each has the highest as often as its
    /// weight says.
    pub(super) fn draw(self, subject: &str, weight: f64) -> f64 {
        libm::log(self.fraction(subject)) / weight
    }
}
