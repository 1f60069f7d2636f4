//! The decision: a pure function of a ruleset, what is known, and the moment.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Agents, Condition, DEFAULT, Fact, Facts, Judgement, Otherwise, Pool, Question, Rule, Ruleset, Step, Truth,
};
use crate::protocol::Reply;

/// Who shall serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The group.
    pub group: Option<u64>,
    /// The agents, in the order in which the platform shall try them.
    pub agents: Vec<String>,
}

/// What was decided, and how it came to that.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The rule that decided, or one of the reserved names such as [`DEFAULT`].
    pub rule: &'a str,
    /// Who shall serve.
    pub answer: Answer,
    /// Every rule that was tried, in order.
    pub trials: Vec<Trial<'a>>,
}

/// One rule that was tried.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Whether it matched, and which condition settled that.
    pub judgement: Judgement<'a>,
    /// What its steps gave, in order; none when the rule did not match.
    pub steps: Vec<(&'a Step, StepOutcome)>,
}

/// What a step gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// An answer: the steps after it are not tried.
    Answered,
    /// The last agent goes first.
    AgentFirst,
    /// The user has no last agent.
    NoLastAgent,
    /// The last agent served too long ago.
    TooLongAgo,
    /// The last agent is not in the pool.
    NotInPool,
    /// Who the last agent is could not be found out.
    Unknown,
}

/// Decides a question.
pub fn decide<'a>(ruleset: &'a Ruleset, question: &Question<'_>) -> Decision<'a> {
    let mut trials = Vec::with_capacity(ruleset.rules.len());
    for rule in &ruleset.rules {
        let judgement = rule.when.judge(question);
        if judgement.truth != Truth::True {
            trials.push(Trial { rule, judgement, steps: Vec::new() });
            continue;
        }
        let (answer, steps) = take_steps(ruleset, rule, question);
        trials.push(Trial { rule, judgement, steps });
        if let Some(answer) = answer {
            return Decision { rule: &rule.name, answer, trials };
        }
        if rule.otherwise == Otherwise::Stop {
            break;
        }
    }
    Decision { rule: DEFAULT, answer: Answer::of(&ruleset.pools[ruleset.default]), trials }
}

fn take_steps<'a>(
    ruleset: &Ruleset,
    rule: &'a Rule,
    question: &Question<'_>,
) -> (Option<Answer>, Vec<(&'a Step, StepOutcome)>) {
    let mut first = None;
    let mut outcomes = Vec::with_capacity(rule.then.len());
    for step in &rule.then {
        match step {
            Step::Pool(pool) => {
                outcomes.push((step, StepOutcome::Answered));
                return (Some(Answer::of(&ruleset.pools[*pool]).led_by(first)), outcomes);
            }
            Step::LastAgent { within, pool } => {
                let found = last_agent(question, *within, &ruleset.pools[*pool]);
                outcomes.push((step, found.err().unwrap_or(StepOutcome::AgentFirst)));
                first = first.or(found.ok());
            }
        }
    }
    (first.map(|agent| Answer::default().led_by(Some(agent))), outcomes)
}

fn last_agent<'a>(
    question: &Question<'a>,
    within: SignedDuration,
    pool: &Pool,
) -> Result<&'a str, StepOutcome> {
    let user = &question.facts.user;
    let (agent, since) = match (&user.last_agent, &user.last_agent_at) {
        (Fact::Known(None), _) => return Err(StepOutcome::NoLastAgent),
        (Fact::Known(Some(agent)), Fact::Known(Some(since))) => (agent, *since),
        _ => return Err(StepOutcome::Unknown),
    };
    if question.at.duration_since(since) > within {
        return Err(StepOutcome::TooLongAgo);
    }
    if pool.agents.contains(agent) { Ok(agent) } else { Err(StepOutcome::NotInPool) }
}

impl Answer {
    fn of(pool: &Pool) -> Self {
        Self {
            group: pool.group.filter(|_| pool.answer != Agents::Agents),
            agents: if pool.answer == Agents::Group { Vec::new() } else { pool.agents.clone() },
        }
    }

    /// The same with this agent first, and only there.
    fn led_by(mut self, agent: Option<&str>) -> Self {
        if let Some(agent) = agent {
            self.agents.retain(|other| other != agent);
            self.agents.insert(0, agent.to_owned());
        }
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::serve(answer.group, answer.agents)
    }
}

impl Trial<'_> {
    /// The trial as `explain --json` shows it.
    pub fn to_json(&self, ruleset: &Ruleset, facts: &Facts) -> Value {
        let matched = match self.judgement.truth {
            Truth::True => json!(true),
            Truth::False => json!(false),
            Truth::Unknown(_) => json!("unknown"),
        };
        let mut trial = json!({ "rule": self.rule.name, "matched": matched });
        if self.judgement.truth != Truth::True {
            trial["condition"] = json!(self.judgement.by.to_string());
            trial["saw"] = json!(self.judgement.by.seen(facts));
        }
        if !self.steps.is_empty() {
            let step = |(step, outcome): &(&Step, StepOutcome)| json!({ "step": step.describe(ruleset), "outcome": outcome.as_str() });
            trial["steps"] = self.steps.iter().map(step).collect();
        }
        trial
    }
}

impl Step {
    /// In the syntax of the document.
    pub fn describe(&self, ruleset: &Ruleset) -> String {
        match self {
            Self::Pool(pool) => format!("pool: {}", ruleset.pools[*pool].name),
            Self::LastAgent { within, pool } => {
                format!("last_agent: {{ within: {within:#}, in: {} }}", ruleset.pools[*pool].name)
            }
        }
    }
}

impl StepOutcome {
    /// For a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answers",
            Self::AgentFirst => "goes first",
            Self::NoLastAgent => "nobody served this user before",
            Self::TooLongAgo => "the last agent served too long ago",
            Self::NotInPool => "the last agent is not in this pool",
            Self::Unknown => "who served last is unknown",
        }
    }
}

impl Condition {
    /// The truth of this condition alone, for showing it among others.
    pub fn truth(&self, question: &Question<'_>) -> Truth {
        self.judge(question).truth
    }
}
