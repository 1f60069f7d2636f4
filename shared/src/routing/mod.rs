//! Rulesets: how a question is decided.
//!
//! The way of the data: a document ([`serde_json::Value`], whatever it was written in) is read by
//! [`read`] into a [`Ruleset`], or into [`Finding`]s that say what to write instead. [`decide`] is
//! a pure function of a [`Question`]: a ruleset, [`Facts`] and a moment. The function that answers,
//! `explain` and the document's own tests ([`check`]) all use this one.

mod calendar;
pub mod check;
mod condition;
mod decide;
pub mod diff;
mod facts;
mod finding;
mod grammar;
mod matcher;
mod question;
mod read;
mod record;
mod ruleset;
mod select;
mod slips;
mod text;
mod texts;
mod trail;

pub use calendar::{Because, Calendar, Dates, Day, Days, Holiday, Interval, Opening, Override};
pub use condition::{Between, Condition, Judgement, Percent, Pointer, Truth};
pub use decide::{Answer, Decision, Explanation, StepOutcome, Trial, Verdict, decide, explain};
pub use facts::{Attributes, Fact, Facts, Needs, Profile, Timeline, UserFacts, Why, timestamp};
pub use finding::{Finding, Path, Segment, Severity};
pub use grammar::json_schema;
pub use matcher::{Matcher, Scalar, Wanted};
pub use question::Question;
pub use read::{loadable, read, read_facts};
pub use record::{DecisionRecord, RecordedAnswer};
pub use ruleset::{
    Agent, Agents, By, Emergency, Expectation, Order, Otherwise, Pool, Rule, Ruleset, RulesetTest, Share,
    Step,
};

/// What `rule` says of a decision by the ruleset's default.
pub const DEFAULT: &str = "default";
/// What `rule` says of an answer from the environment's fallback.
pub const FALLBACK: &str = "fallback";
/// What `rule` says of a decision while the emergency switch is on.
pub const EMERGENCY: &str = "emergency";
