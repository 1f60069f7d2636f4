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
    /// The facts that were known, as far as they are recorded.
    pub facts: Facts,
    /// The names of the facts that were known and are not recorded, such as `texts` or `user.tags`; `facts` if
    /// none of them can be read. They count as unknown when the decision is explained.
    #[serde(default)]
    pub omitted: Vec<String>,
    /// The moment that the rules were asked about.
    pub at: Timestamp,
}

/// The part of a recorded decision that a retry gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The rule that decided, or a reserved name.
    pub rule: String,
    /// The version of the ruleset; none when there was none.
    pub version: Option<u64>,
    /// The answer, to the letter.
    pub answer: Reply,
}
