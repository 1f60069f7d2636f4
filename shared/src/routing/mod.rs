//! Rulesets: how a question is decided.
//!
//! The way of the data: a document ([`serde_json::Value`], whatever it was written in) is read by
//! [`read`] into a [`Ruleset`], or into [`Finding`]s that say what to write instead. [`decide`] is
//! a pure function of a ruleset, [`Facts`] and a moment; the function that answers, `explain` and
//! the document's own tests ([`check`]) all use this one.

pub mod check;
mod condition;
mod decide;
mod facts;
mod finding;
mod matcher;
mod node;
mod read;
mod record;
mod ruleset;
mod text;

pub use condition::{Condition, Judgement, Question, Truth};
pub use decide::{Answer, Decision, StepOutcome, Trial, decide};
pub use facts::{Attributes, Fact, Facts, Needs, Profile, Timeline, UserFacts, Why, timestamp};
pub use finding::{Finding, Path, Segment, Severity};
pub use matcher::{NumberMatcher, TextMatcher};
pub use read::read;
pub use record::DecisionRecord;
pub use ruleset::{Agents, Expectation, Otherwise, Pool, Rule, Ruleset, RulesetTest, Step};

/// What `rule` says of a decision by the ruleset's default.
pub const DEFAULT: &str = "default";
/// What `rule` says of an answer from the environment's fallback.
pub const FALLBACK: &str = "fallback";
/// What `rule` says of a decision while the emergency switch is on.
pub const EMERGENCY: &str = "emergency";
