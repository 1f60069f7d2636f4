//! What the tests of the rules share.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)] // each test uses a part; a panic is the report

use desk_webhooks::routing::{
    Answer, Decision, Explanation, Facts, Judgement, Question, Ruleset, Truth, Verdict, decide, explain, read,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// 10:00 on a Monday in Shanghai.
pub(crate) const MONDAY: &str = "2027-02-01T10:00+08:00";

pub(crate) fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap_or_else(|error| panic!("{moment}: {error}"))
}

pub(crate) fn sound(document: &Value) -> Ruleset {
    read(document).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// A ruleset of these rules, with pools and calendars that they can refer to.
pub(crate) fn ruleset(rules: Value) -> Ruleset {
    sound(&document(rules))
}

pub(crate) fn document(rules: Value) -> Value {
    json!({
        "timezone": "Asia/Shanghai",
        "calendars": {
            "office": { "weekly": { "mon-fri": ["09:00-18:00"] } },
            "weekend": { "weekly": { "sat,sun": ["00:00-24:00"] } },
        },
        "pools": {
            "vip": { "group": 6521, "agents": ["anna", "bo"] },
            "agents": { "group": 1, "agents": ["carla"], "answer": "agents" },
            "group": { "group": 2, "agents": ["carla"], "answer": "group" },
            "general": { "group": 6500 },
            "saturday": { "group": 6700, "agents": ["dan"], "calendar": "weekend" },
            "drawn": { "agents": ["a1", "a2", "a3", { "id": "a4", "weight": 3 }], "order": "by-user" },
        },
        "rules": rules,
        "default": { "pool": "general" },
    })
}

pub(crate) fn facts(given: Value) -> Facts {
    serde_json::from_value(given.clone()).unwrap_or_else(|error| panic!("{given}: {error}"))
}

pub(crate) fn decided<'a>(ruleset: &'a Ruleset, facts: &'a Facts, moment: &str) -> Decision<'a> {
    decide(&Question::new(ruleset, facts, at(moment)))
}

/// Group and agents of an answer, as `6521 anna bo`; `FAIL why`; or `nothing`.
pub(crate) fn told(decision: &Decision<'_>) -> String {
    match &decision.answer {
        None => "nothing".into(),
        Some(Answer::Fail(why)) => format!("FAIL {why}"),
        Some(Answer::Serve { group, agents }) => {
            let group = group.map(|group| group.to_string());
            group.into_iter().chain(agents.iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What becomes of a condition: `true`, `false` or `unknown`.
pub(crate) fn truth_at(when: &Value, given: &Value, moment: &str) -> &'static str {
    let ruleset = ruleset(json!([{ "name": "r", "when": when, "then": [{ "pool": "vip" }] }]));
    let facts = facts(given.clone());
    let Explanation { decision, trials } = explain(&Question::new(&ruleset, &facts, at(moment)));
    let Verdict::Judged(Judgement { truth, .. }) = trials[0].verdict else { panic!("not judged") };
    assert_eq!(decision.rule == "r", truth == Truth::True, "only what is true matches");
    match truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown(_) => "unknown",
    }
}

pub(crate) fn truth(when: &Value, given: &Value) -> &'static str {
    truth_at(when, given, MONDAY)
}
