use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Facts;
use crate::protocol::Reply;

/// What is kept of a decision, so that a retry gets the same answer and a person an explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The rule that decided, or a reserved name.
    pub rule: String,
    /// The version of the ruleset; none when there was none.
    pub version: Option<u64>,
    /// What was answered, to the letter.
    pub answer: Reply,
    /// What was known.
    pub facts: Facts,
    /// The moment that the rules were asked about.
    pub at: Timestamp,
}
