//! What a session's events mean: the keys they are kept under, what they say of a user, and what they
//! come to.
//!
//! Pure: keys are texts here, and what writes them is [`crate::store`].

pub mod keys;
mod profile;
mod summary;
mod understand;

pub use profile::ProfileChange;
pub use summary::{Entry, FOLD, FirstResponse, Handoff, HandoffOutcome, Messages, Stint, Summary, fold};
pub use understand::{Understood, understand};
