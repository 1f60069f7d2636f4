//! The pure part, in this process: reading a ruleset, and deciding by it.

use std::{hint::black_box, time::Instant};

use desk_webhooks::routing::{Facts, Question, decide, read};
use serde_json::{Value, json};

use super::{
    Outcome,
    stats::{Figure, Rounds},
};

#[path = "../../../shared/tests/common/large.rs"]
mod large;

/// A moment in 2027.
const AT: &str = "2027-02-01T02:00:00Z";

/// What the pure part takes, in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Pure {
    /// Deciding by the last of 100 rules.
    pub(super) deciding: Figure,
    /// Reading and compiling 500.
    pub(super) reading: Figure,
}

/// To be called while this process has one thread, as functions have: with more, each allocation takes longer.
pub(super) fn measure(rounds: usize) -> Outcome<Pure> {
    Ok(Pure { deciding: deciding(100, rounds)?, reading: reading(500, rounds)? })
}

/// Deciding by `rules` rules of five conditions, of which only the last rule matches; in microseconds.
fn deciding(rules: usize, rounds: usize) -> Outcome<Figure> {
    let ruleset = read(&large::document(rules)).map_err(|_| "the benchmark's own rules are wrong")?;
    let facts: Facts = serde_json::from_value(large::matching(rules - 1))?;
    let at = AT.parse()?;
    if decide(&Question::new(&ruleset, &facts, at)).rule != format!("rule-{}", rules - 1) {
        return Err("it is not the last of the benchmark's rules that decides".into());
    }
    Ok(repeated(rounds, 20_000 / rules.min(1000), || {
        black_box(decide(&Question::new(black_box(&ruleset), black_box(&facts), at)).answer);
    }))
}

/// From a document's text to rules that can be decided by.
fn reading(rules: usize, rounds: usize) -> Outcome<Figure> {
    let text = large::document(rules).to_string();
    read(&large::document(rules)).map_err(|_| "the benchmark's own rules are wrong")?;
    Ok(repeated(rounds, 1, || {
        let document = serde_json::from_str::<Value>(black_box(&text)).unwrap_or_default();
        black_box(read(&document).is_ok());
    }))
}

/// So many rounds of `each` calls: the time of one call.
fn repeated(rounds: usize, each: usize, mut work: impl FnMut()) -> Figure {
    let mut took = Rounds::default();
    for round in 0..=rounds {
        let started = Instant::now();
        for _ in 0..each {
            work();
        }
        // The first finds nothing in the caches.
        if round > 0 {
            took.push(vec![started.elapsed() / each as u32]);
        }
    }
    took.figure()
}

/// So many rules of five conditions that a question itself answers; for every one of them the first four hold.
pub(super) fn by_the_question(rules: usize) -> Value {
    let rule = |number: usize| {
        json!({
            "name": format!("rule-{number}"),
            "when": {
                "client_ip": ["0.0.0.0/0", "::/0"],
                "not": { "user_id": "guest" },
                "user_id": { "exists": true },
                "between": { "dates": { "from": "2020-01-01", "to": "2099-12-31" } },
                "customer_service_id": format!("entry-{number}"),
            },
            "then": [{ "pool": "general" }],
        })
    };
    json!({
        "pools": { "general": { "group": 6500 } },
        "rules": (0..rules).map(rule).collect::<Vec<_>>(),
        "default": { "pool": "general" },
    })
}
