//! The decision: a pure function of a ruleset, what is known, and the moment.

use jiff::{SignedDuration, Timestamp};

use super::{
    Agents, By, DEFAULT, EMERGENCY, Fact, Judgement, Order, Otherwise, Pool, Question, Rule, Share, Step,
    Truth,
};
use crate::protocol::Reply;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// These shall serve.
    Serve {
        /// The group.
        group: Option<u64>,
        /// The agents, in the order in which the platform shall try them.
        agents: Vec<&'a str>,
    },
    /// Nobody shall, and why.
    Fail(&'a str),
}

/// What was decided.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The rule that decided, or one of the reserved names such as [`DEFAULT`].
    pub rule: &'a str,
    /// What is answered; `None` when not even the default's pool serves at this moment.
    pub answer: Option<Answer<'a>>,
}

/// What was decided, and how it came to that.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// What was decided.
    pub decision: Decision<'a>,
    /// Every rule that was looked at, in order.
    pub trials: Vec<Trial<'a>>,
}

/// One rule that was looked at.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What came of it.
    pub verdict: Verdict<'a>,
    /// What its steps gave, in order; none when the rule did not match.
    pub steps: Vec<(&'a Step, StepOutcome)>,
}

/// What came of a rule.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// It is switched off.
    Off,
    /// Its time has not come.
    Before(Timestamp),
    /// Its time is over.
    Over(Timestamp),
    /// Its conditions were looked at.
    Judged(Judgement<'a>),
}

/// What a step gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// An answer by this pool: the steps after it are not tried.
    Serves(usize),
    /// An answer: nobody.
    Refuses,
    /// The pool, or each of the pools, is closed.
    Closed,
    /// The last agent goes first.
    AgentFirst,
    /// The user has no last agent.
    NoLastAgent,
    /// The last agent served too long ago.
    TooLongAgo,
    /// The last agent is not in the pool.
    NotInPool,
    /// Who the last agent is could not be found out.
    UnknownLastAgent,
    /// For whom to draw is unknown.
    UnknownSubject(By),
}

/// Decides a question.
pub fn decide<'a>(question: &Question<'a>) -> Decision<'a> {
    decide_telling(question, |_| {})
}

/// Decides a question, and remembers how it came to that: for people, who have more time.
pub fn explain<'a>(question: &Question<'a>) -> Explanation<'a> {
    let mut trials = Vec::new();
    let decision = decide_telling(question, |trial| trials.push(trial));
    Explanation { decision, trials }
}

fn decide_telling<'a>(question: &Question<'a>, mut tell: impl FnMut(Trial<'a>)) -> Decision<'a> {
    let ruleset = question.ruleset;
    if let Some(pool) = question.emergency {
        let answer = ruleset.pools[pool].answer(question, None);
        return Decision { rule: EMERGENCY, answer: Some(answer) };
    }
    for rule in &ruleset.rules {
        let verdict = rule.verdict(question);
        if !verdict.matches() {
            tell(Trial { rule, verdict, steps: Vec::new() });
            continue;
        }
        let (answer, steps) = take_steps(rule, question);
        tell(Trial { rule, verdict, steps });
        if answer.is_some() {
            return Decision { rule: &rule.name, answer };
        }
        if rule.otherwise == Otherwise::Stop {
            break;
        }
    }
    let default =
        question.serves(ruleset.default).then(|| ruleset.pools[ruleset.default].answer(question, None));
    Decision { rule: DEFAULT, answer: default }
}

impl Rule {
    fn verdict(&self, question: &Question<'_>) -> Verdict<'_> {
        match (self.from, self.until) {
            _ if !self.enabled => Verdict::Off,
            (Some(from), _) if question.at < from => Verdict::Before(from),
            (_, Some(until)) if question.at >= until => Verdict::Over(until),
            _ => Verdict::Judged(self.when.judge(question)),
        }
    }
}

impl Verdict<'_> {
    /// Whether the rule's steps are tried.
    pub fn matches(&self) -> bool {
        matches!(self, Self::Judged(Judgement { truth: Truth::True, .. }))
    }
}

type Outcomes<'a> = Vec<(&'a Step, StepOutcome)>;

fn take_steps<'a>(rule: &'a Rule, question: &Question<'a>) -> (Option<Answer<'a>>, Outcomes<'a>) {
    let pools = &question.ruleset.pools;
    let mut first = None;
    let mut outcomes = Vec::with_capacity(rule.then.len());
    for step in &rule.then {
        let outcome = match step {
            Step::Pool(pool) if question.serves(*pool) => StepOutcome::Serves(*pool),
            Step::Pool(_) => StepOutcome::Closed,
            Step::Split { by, to } => split(question, *by, to),
            Step::LastAgent { within, pool } => match last_agent(question, *within, *pool) {
                Ok(agent) => {
                    first = first.or(Some(agent));
                    StepOutcome::AgentFirst
                }
                Err(outcome) => outcome,
            },
            // An agent who goes first is an answer already.
            Step::Fail(_) if first.is_some() => break,
            Step::Fail(_) => StepOutcome::Refuses,
        };
        outcomes.push((step, outcome));
        match (outcome, step) {
            (StepOutcome::Serves(pool), _) => return (Some(pools[pool].answer(question, first)), outcomes),
            (StepOutcome::Refuses, Step::Fail(why)) => return (Some(Answer::Fail(why)), outcomes),
            _ => {}
        }
    }
    (first.map(|agent| Answer::Serve { group: None, agents: vec![agent] }), outcomes)
}

/// The pool with the highest draw among those that serve.
fn split(question: &Question<'_>, by: By, to: &[Share]) -> StepOutcome {
    let Fact::Known(subject) = question.subject(by) else { return StepOutcome::UnknownSubject(by) };
    let draw = |share: &Share| share.seed.draw(subject, share.weight);
    let serving = to.iter().filter(|share| question.serves(share.pool));
    let winner = serving.max_by(|a, b| draw(a).total_cmp(&draw(b)));
    winner.map_or(StepOutcome::Closed, |share| StepOutcome::Serves(share.pool))
}

fn last_agent<'a>(
    question: &Question<'a>,
    within: SignedDuration,
    pool: usize,
) -> Result<&'a str, StepOutcome> {
    let user = &question.facts.user;
    let (agent, since) = match (&user.last_agent, &user.last_agent_at) {
        (Fact::Known(None), _) => return Err(StepOutcome::NoLastAgent),
        (Fact::Known(Some(agent)), Fact::Known(Some(since))) => (agent, *since),
        _ => return Err(StepOutcome::UnknownLastAgent),
    };
    if question.at.duration_since(since) > within {
        return Err(StepOutcome::TooLongAgo);
    }
    if !question.ruleset.pools[pool].lists(agent) {
        return Err(StepOutcome::NotInPool);
    }
    if question.serves(pool) { Ok(agent) } else { Err(StepOutcome::Closed) }
}

impl Pool {
    /// What this pool answers, with one agent ahead of the others.
    fn answer<'a>(&'a self, question: &Question<'a>, first: Option<&'a str>) -> Answer<'a> {
        let agents = if self.answer == Agents::Group { Vec::new() } else { self.ordered(question) };
        let behind = agents.into_iter().filter(|agent| Some(*agent) != first);
        Answer::Serve {
            group: self.group.filter(|_| self.answer != Agents::Agents),
            agents: first.into_iter().chain(behind).collect(),
        }
    }

    /// The agents in this pool's order; as listed, when it is unknown for whom to draw.
    fn ordered<'a>(&'a self, question: &Question<'a>) -> Vec<&'a str> {
        let subject = match self.order {
            Order::AsListed => None,
            Order::Drawn(by) => match question.subject(by) {
                Fact::Known(subject) => Some(subject),
                Fact::Unknown(_) => None,
            },
        };
        let Some(subject) = subject else {
            return self.agents.iter().map(|agent| agent.id.as_str()).collect();
        };
        let mut drawn: Vec<_> = self
            .agents
            .iter()
            .map(|agent| (agent.seed.draw(subject, agent.weight), agent.id.as_str()))
            .collect();
        drawn.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        drawn.into_iter().map(|(_, agent)| agent).collect()
    }
}

impl From<Answer<'_>> for Reply {
    fn from(answer: Answer<'_>) -> Self {
        match answer {
            Answer::Serve { group, agents } => {
                Self::serve(group, agents.into_iter().map(str::to_owned).collect())
            }
            Answer::Fail(why) => Self::fail(why),
        }
    }
}
