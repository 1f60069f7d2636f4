use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Calendar, Condition, Facts, Needs, select::Seed, texts::Words};

/// A ruleset that was read and can decide.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// The zone in which times are shown to people, and those of rules are meant.
    pub timezone: TimeZone,
    /// True if the document names its zone. UTC, if not.
    pub names_timezone: bool,
    /// The calendars, in the order of the document.
    pub calendars: Vec<Calendar>,
    /// The pools, in the order of the document; steps name them by position.
    pub pools: Vec<Pool>,
    /// The rules; the first that matches decides.
    pub rules: Vec<Rule>,
    /// The pool that serves when no rule gives an answer.
    pub default: usize,
    /// The pool that serves while the switch is on.
    pub emergency: Option<Emergency>,
    /// The document's own tests.
    pub tests: Vec<RulesetTest>,
    /// What the rules look at beyond the question itself.
    pub needs: Needs,
    /// The words that rules look for in texts.
    pub(super) words: Words,
}

/// A switch that sends everything to one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// The pool; whether it is open is not asked.
    pub pool: usize,
    /// Whether the switch is on.
    pub on: bool,
}

/// Who can serve: a group, agents, or both.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The platform's group id.
    pub group: Option<u64>,
    /// The agents, as the document lists them.
    pub agents: Vec<Agent>,
    /// In which order an answer holds them.
    pub order: Order,
    /// When it serves; always, if there is none.
    pub calendar: Option<usize>,
    /// Which of the two an answer holds.
    pub answer: Agents,
    /// The positions of the agents, sorted by id.
    pub(super) by_id: Vec<usize>,
}

impl Pool {
    /// True if this agent is in the pool.
    pub(super) fn lists(&self, agent: &str) -> bool {
        let id = |position: &usize| self.agents[*position].id.as_str();
        self.by_id.binary_search_by(|position| id(position).cmp(agent)).is_ok()
    }
}

/// An agent of a pool.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The platform's id.
    pub id: String,
    /// How often the agent comes first, compared with the others.
    pub weight: f64,
    pub(super) seed: Seed,
}

/// In which order an answer holds a pool's agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the document lists them.
    #[default]
    AsListed,
    /// Each user or session has an own order, always the same, drawn by weight.
    Drawn(By),
}

/// For whom a draw is always the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The user.
    #[default]
    User,
    /// The session.
    Session,
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
    /// Whether it is tried at all.
    pub enabled: bool,
    /// From when it is tried.
    pub from: Option<Timestamp>,
    /// From when it is not tried any more.
    pub until: Option<Timestamp>,
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
    /// One of several pools serves.
    Split {
        /// For whom it is always the same one.
        by: By,
        /// The pools with their shares.
        to: Vec<Share>,
    },
    /// The user's last agent goes first, ahead of the next step's answer.
    LastAgent {
        /// How long ago the agent may have served.
        within: SignedDuration,
        /// The agent must be in this pool.
        pool: usize,
    },
    /// Nobody serves, and the platform is told why.
    Fail(String),
}

/// A pool's part of a split.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The pool.
    pub pool: usize,
    /// How much it gets, compared with the others.
    pub weight: f64,
    pub(super) seed: Seed,
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
