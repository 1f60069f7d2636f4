//! The size of a document. Deciding takes time and memory by it, so that nothing may grow without a bound.

use serde_json::Value;

use crate::routing::{Ruleset, grammar::Node};

/// The most entries of each part.
const PARTS: [(&str, &str, usize); 5] = [
    ("rules", "rules", 1_000),
    ("pools", "pools", 1_000),
    ("calendars", "calendars", 100),
    ("holidays", "lists of holidays", 100),
    ("tests", "tests", 2_000),
];
const MOST_AGENTS: usize = 1_000;
/// Each list of holidays once.
const MOST_CLOSED_ON: usize = 100;
/// Holidays of all lists and overrides of all calendars.
const MOST_DATES: usize = 2_000;
const MOST_KEYWORDS: usize = 10_000;
/// Without the combinators around them.
const MOST_CONDITIONS: usize = 10_000;
/// Whatever stands in the document, lists and maps included; functions never load the tests.
const MOST_VALUES: usize = 100_000;
const MOST_TEST_VALUES: usize = 500_000;
const MOST_BYTES: usize = 4 << 20;
/// Lists and maps in each other.
const MOST_LEVELS: usize = 64;

/// Notes a document that is too large to be read.
pub(super) fn check_size(document: &Node<'_>) {
    for (key, what, most) in PARTS {
        if let Some(part) = document.get(key) {
            at_most(most, length(part.value()), what, &part);
        }
    }
    let pools = document.get("pools");
    for (_, pool) in pools.iter().flat_map(Node::entries) {
        if let Some(agents) = pool.get("agents") {
            at_most(MOST_AGENTS, length(agents.value()), "agents of one pool", &agents);
        }
    }
    let (holidays, calendars) = (document.get("holidays"), document.get("calendars"));
    let dates: usize = holidays.iter().flat_map(Node::entries).map(|(_, list)| length(list.value())).sum();
    for (_, calendar) in calendars.iter().flat_map(Node::entries) {
        if let Some(closed_on) = calendar.get("closed_on") {
            at_most(MOST_CLOSED_ON, length(closed_on.value()), "lists in `closed_on`", &closed_on);
        }
    }
    let overrides = calendars.iter().flat_map(Node::entries);
    let overrides: usize =
        overrides.filter_map(|(_, calendar)| Some(length(calendar.get("overrides")?.value()))).sum();
    at_most(MOST_DATES, dates + overrides, "holidays and overrides", document);
    let mut loaded = Size { values: MOST_VALUES, bytes: MOST_BYTES };
    let mut tests = Size { values: MOST_TEST_VALUES, bytes: MOST_BYTES };
    for (key, value) in document.entries() {
        let room = if key == "tests" { &mut tests } else { &mut loaded };
        if !room.has_room(value.value(), MOST_LEVELS) {
            return value.error(format!(
                "the document is too large; write at most {MOST_VALUES} values, {MOST_TEST_VALUES} in tests, {} MB, \
                 and {MOST_LEVELS} lists and maps in each other",
                MOST_BYTES >> 20
            ));
        }
    }
}

/// Notes more conditions or keywords than a decision can look at in time.
pub(super) fn check_rules(document: &Node<'_>, ruleset: &Ruleset) {
    let Some(rules) = document.get("rules") else { return };
    let conditions = ruleset.rules.iter().map(|rule| rule.when.leaves()).sum();
    at_most(MOST_CONDITIONS, conditions, "conditions", &rules);
    at_most(MOST_KEYWORDS, ruleset.words.count, "keywords", &rules);
}

fn at_most(most: usize, count: usize, what: &str, node: &Node<'_>) {
    if count > most {
        node.error(format!("{count} {what} are more than can be looked at in time; write at most {most}"));
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => 0,
    }
}

/// The room that is left.
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    /// Takes the room of a value, if there is enough. Stops as soon as there is not.
    fn has_room(&mut self, value: &Value, levels: usize) -> bool {
        let Some(levels) = levels.checked_sub(1) else { return false };
        self.take(1, 0)
            && match value {
                Value::String(text) => self.take(0, text.len()),
                Value::Array(items) => items.iter().all(|item| self.has_room(item, levels)),
                Value::Object(entries) => {
                    entries.iter().all(|(key, value)| self.take(0, key.len()) && self.has_room(value, levels))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => true,
            }
    }

    fn take(&mut self, values: usize, bytes: usize) -> bool {
        let left = (self.values.checked_sub(values), self.bytes.checked_sub(bytes));
        let (Some(values), Some(bytes)) = left else { return false };
        (self.values, self.bytes) = (values, bytes);
        true
    }
}
