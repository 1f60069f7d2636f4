use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Condition, Facts, Needs};

/// A ruleset that was read and can decide.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// The zone in which times are shown to people.
    pub timezone: TimeZone,
    /// The pools, in the order of the document; steps name them by position.
    pub pools: Vec<Pool>,
    /// The rules; the first that matches decides.
    pub rules: Vec<Rule>,
    /// The pool that serves when no rule gives an answer.
    pub default: usize,
    /// The document's own tests.
    pub tests: Vec<RulesetTest>,
    /// What the rules look at beyond the question itself.
    pub needs: Needs,
}

/// Who can serve: a group, agents, or both.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The platform's group id.
    pub group: Option<u64>,
    /// The agents, in the order in which the platform shall try them.
    pub agents: Vec<String>,
    /// Which of the two an answer holds.
    pub answer: Agents,
}

/// Which part of a pool an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agents {
    /// The group and the agents.
    #[default]
    Both,
    /// The group alone: the platform picks.
    Group,
    /// The agents alone.
    Agents,
}

/// One rule: under which conditions who serves.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the document.
    pub name: String,
    /// What must hold.
    pub when: Condition,
    /// Tried in order until there is an answer.
    pub then: Vec<Step>,
    /// What follows when no step gave one.
    pub otherwise: Otherwise,
}

/// What follows a rule that matched and gave no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// The ruleset's default answers.
    #[default]
    Stop,
    /// The next rule is tried.
    Continue,
}

/// One step of a rule.
#[derive(Clone, Debug)]
pub enum Step {
    /// This pool serves.
    Pool(usize),
    /// The user's last agent goes first, ahead of the next step's answer.
    LastAgent {
        /// How long ago the agent may have served.
        within: SignedDuration,
        /// The agent must be in this pool.
        pool: usize,
    },
}

/// One of the document's own tests.
#[derive(Clone, Debug)]
pub struct RulesetTest {
    /// Its name.
    pub name: String,
    /// When the question is asked.
    pub at: Timestamp,
    /// What is known.
    pub given: Facts,
    /// What must come out.
    pub expect: Expectation,
}

/// What a test compares; only what is given is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The rule that decides.
    pub rule: Option<String>,
    /// The group of the answer.
    pub group: Option<u64>,
    /// The agents of the answer, in order.
    pub agents: Option<Vec<String>>,
}
