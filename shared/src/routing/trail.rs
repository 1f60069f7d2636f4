//! The trail of a decision: in words, and as JSON.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Answer, By, Condition, Decision, Explanation, Judgement, Order, Question, Ruleset, Step, StepOutcome,
    Trial, Truth, Verdict,
};
use crate::protocol::Reply;

impl Explanation<'_> {
    /// Every rule that was looked at, as `explain --json` shows it.
    pub fn because(&self, question: &Question<'_>) -> Value {
        self.trials.iter().map(|trial| trial.to_json(question)).collect()
    }
}

impl Decision<'_> {
    /// What is answered; `None` when the ruleset has no answer at this moment.
    pub fn reply(&self) -> Option<Reply> {
        self.answer.clone().map(Reply::from)
    }
}

impl Trial<'_> {
    fn to_json(&self, question: &Question<'_>) -> Value {
        let mut trial = json!({ "rule": self.rule.name, "matched": self.verdict.matches() });
        match self.verdict {
            Verdict::Judged(Judgement { truth: Truth::True, .. }) => {
                trial["when"] = self.rule.when.to_json(question);
            }
            Verdict::Judged(judgement) => {
                trial["matched"] = judgement.truth.to_json();
                trial["condition"] = json!(judgement.to_string());
                trial["saw"] = json!(judgement.by.seen(question));
                if !judgement.by.parts().is_empty() {
                    trial["when"] = judgement.by.to_json(question);
                }
            }
            Verdict::Off => trial["skipped"] = json!("switched off"),
            Verdict::Before(from) => trial["skipped"] = json!(format!("not before {from}")),
            Verdict::Over(until) => trial["skipped"] = json!(format!("over since {until}")),
        }
        if !self.steps.is_empty() {
            let step = |(step, outcome): &(&Step, StepOutcome)| json!({ "step": step.describe(question.ruleset), "outcome": outcome.describe(question) });
            trial["steps"] = self.steps.iter().map(step).collect();
        }
        trial
    }
}

impl Truth {
    fn to_json(self) -> Value {
        match self {
            Self::True => json!(true),
            Self::False => json!(false),
            Self::Unknown(_) => json!("unknown"),
        }
    }
}

impl Condition {
    /// The condition with what became of it and of its parts.
    fn to_json(&self, question: &Question<'_>) -> Value {
        let mut shown =
            json!({ "condition": self.to_string(), "holds": self.judge(question).truth.to_json() });
        let saw = self.seen(question);
        if !saw.is_empty() {
            shown["saw"] = json!(saw);
        }
        if !self.parts().is_empty() {
            shown["parts"] = self.parts().iter().map(|part| part.to_json(question)).collect();
        }
        shown
    }
}

impl Step {
    /// In the syntax of the document.
    pub fn describe(&self, ruleset: &Ruleset) -> String {
        let pool = |pool: usize| &ruleset.pools[pool].name;
        match self {
            Self::Pool(of) => format!("pool: {}", pool(*of)),
            Self::Split { by, to } => {
                let to: Vec<_> =
                    to.iter().map(|share| format!("{}: {}", pool(share.pool), share.weight)).collect();
                format!("split: {{ by: {}, to: {{ {} }} }}", by.as_str(), to.join(", "))
            }
            Self::LastAgent { within, pool: of } => {
                format!("last_agent: {{ within: {}, in: {} }}", duration(*within), pool(*of))
            }
            Self::Fail(why) => format!("fail: {why}"),
        }
    }
}

/// In the syntax of the document, in the largest unit that fits.
fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or((1, "s"));
    format!("{}{unit}", seconds / size)
}

impl StepOutcome {
    /// For a person.
    pub fn describe(self, question: &Question<'_>) -> String {
        match self {
            Self::Serves(pool) => {
                let pool = &question.ruleset.pools[pool];
                let order = match pool.order {
                    Order::AsListed => String::new(),
                    Order::Drawn(by) if question.subject(by).is_unknown() => {
                        format!(", agents as listed because the {} is unknown", by.as_str())
                    }
                    Order::Drawn(by) => format!(", agents in this {}'s order", by.as_str()),
                };
                format!("{} serves{order}", pool.name)
            }
            Self::Refuses => "nobody serves".into(),
            Self::Closed => "closed".into(),
            Self::AgentFirst => "the last agent goes first".into(),
            Self::NoLastAgent => "nobody served this user before".into(),
            Self::TooLongAgo => "the last agent served too long ago".into(),
            Self::NotInPool => "the last agent is not in this pool".into(),
            Self::UnknownLastAgent => "who served last is unknown".into(),
            Self::UnknownSubject(By::User) => "who asks is unknown".into(),
            Self::UnknownSubject(By::Session) => "which session asks is unknown".into(),
        }
    }
}

impl Answer<'_> {
    /// For a person.
    pub fn describe(&self) -> String {
        match self {
            Self::Fail(why) => format!("nobody: {why}"),
            Self::Serve { group, agents } => {
                let group = group.map(|group| format!("group {group}"));
                let agents = (!agents.is_empty()).then(|| format!("agents {}", agents.join(", ")));
                group.into_iter().chain(agents).collect::<Vec<_>>().join(", ")
            }
        }
    }
}
