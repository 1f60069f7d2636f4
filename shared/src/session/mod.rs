//! What a session's events mean: the keys they are kept under and what they say of a user.
//!
//! Pure: keys are texts here, and what writes them is [`crate::store`].

pub mod keys;
mod profile;

pub use profile::ProfileChange;
