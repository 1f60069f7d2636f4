//! What changed between two documents, in terms of rules and pools, and what comes of it.

use serde_json::{Map, Value};

use super::{Ruleset, RulesetTest, check, matcher::written};

/// One thing that is other than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The section of the document, such as `rules`.
    pub section: String,
    /// The name in it; none where the section is one thing.
    pub name: Option<String>,
    /// What happened.
    pub kind: ChangeKind,
}

/// What happened to a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new; as it is written now.
    Added(String),
    /// It is gone; as it was written.
    Removed(String),
    /// These keys of it are other than before.
    Changed(Vec<KeyChange>),
    /// It has another name, and nothing else is other than before.
    Renamed {
        /// What it was called.
        from: String,
        /// Whether users are drawn anew, because the name was the salt.
        redraws: bool,
    },
    /// It stands behind another one now; behind none when it is the first.
    Moved {
        /// The one before it.
        behind: Option<String>,
    },
}

/// A key that is other than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key; empty where the thing is no map.
    pub key: String,
    /// What it held.
    pub before: Option<String>,
    /// What it holds.
    pub after: Option<String>,
}

/// A test whose answer is other than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerChange {
    /// The test.
    pub test: String,
    /// The rule and the answer before.
    pub before: (String, String),
    /// The rule and the answer now.
    pub after: (String, String),
}

/// What changed from one document to another; tests are left to [`changed_answers`].
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let empty = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let removed = before.keys().filter(|section| !after.contains_key(*section));
    let sections =
        after.keys().chain(removed).filter(|section| !["tests", "$schema"].contains(&section.as_str()));
    let mut changes = Vec::new();
    for section in sections {
        let (before, after) = (before.get(section), after.get(section));
        match section.as_str() {
            "rules" => {
                let (before, after) = (rules(before), rules(after));
                changes.extend(renamed(section, named(section, &before, &after), &before, &after));
                changes.extend(moved(section, &before, &after));
            }
            "pools" | "calendars" | "holidays" => {
                changes.extend(named(section, &entries(before), &entries(after)));
            }
            _ => changes.extend(changed(before, after).map(|kind| Change {
                section: section.clone(),
                name: None,
                kind,
            })),
        }
    }
    changes
}

/// The tests of either document that both can run and that come out otherwise. Where both have one
/// of a name, the later document's counts.
pub fn changed_answers(before: &Ruleset, after: &Ruleset) -> Vec<AnswerChange> {
    let gone = before.tests.iter().filter(|test| !after.tests.iter().any(|other| other.name == test.name));
    let change = |test: &RulesetTest| {
        let outcome = |ruleset| {
            let result = check::run_test(ruleset, test);
            (result.rule, result.answer)
        };
        let (before, after) = (outcome(before), outcome(after));
        (before != after).then(|| AnswerChange { test: test.name.clone(), before, after })
    };
    after.tests.iter().chain(gone).filter_map(change).collect()
}

type Things<'a> = Vec<(&'a str, &'a Value)>;

fn entries(section: Option<&Value>) -> Things<'_> {
    let entries = section.and_then(Value::as_object).into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value)).collect()
}

fn rules(section: Option<&Value>) -> Things<'_> {
    let rules = section.and_then(Value::as_array).into_iter().flatten();
    rules.map(|rule| (rule["name"].as_str().unwrap_or_default(), rule)).collect()
}

fn find<'a>(things: &Things<'a>, name: &str) -> Option<&'a Value> {
    things.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn named(section: &str, before: &Things<'_>, after: &Things<'_>) -> Vec<Change> {
    let gone = before.iter().filter(|(name, _)| find(after, name).is_none());
    let names = after.iter().chain(gone).map(|(name, _)| *name);
    let change = |name: &str| {
        let kind = changed(find(before, name), find(after, name))?;
        Some(Change { section: section.to_owned(), name: Some(name.to_owned()), kind })
    };
    names.filter_map(change).collect()
}

/// The same changes, where a rule that went and one that came alike but for the name are one.
fn renamed(section: &str, changes: Vec<Change>, before: &Things<'_>, after: &Things<'_>) -> Vec<Change> {
    let nameless = |things: &Things<'_>, name: &Option<String>| {
        let mut rule = find(things, name.as_deref()?)?.as_object()?.clone();
        rule.shift_remove("name");
        Some(rule)
    };
    let (gone, mut kept): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|change| matches!(change.kind, ChangeKind::Removed(_)));
    for change in gone {
        let rule = nameless(before, &change.name);
        let twin = kept
            .iter_mut()
            .find(|other| matches!(other.kind, ChangeKind::Added(_)) && nameless(after, &other.name) == rule);
        match (twin, change.name.clone(), rule) {
            (Some(twin), Some(from), Some(rule)) => {
                let redraws = draws_by_name(&Value::Object(rule));
                twin.kind = ChangeKind::Renamed { from, redraws };
            }
            _ => kept.push(Change { section: section.to_owned(), ..change }),
        }
    }
    kept
}

/// Whether a draw in here has no salt of its own.
fn draws_by_name(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.iter().any(|(key, value)| {
            let draw = ["split", "percent"].contains(&key.as_str()) && value.is_object();
            (draw && value.get("salt").is_none()) || draws_by_name(value)
        }),
        Value::Array(items) => items.iter().any(draws_by_name),
        _ => false,
    }
}

fn changed(before: Option<&Value>, after: Option<&Value>) -> Option<ChangeKind> {
    match (before, after) {
        (None, None) => None,
        (None, Some(after)) => Some(ChangeKind::Added(written(after))),
        (Some(before), None) => Some(ChangeKind::Removed(written(before))),
        (Some(before), Some(after)) if before == after => None,
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let gone = before.keys().filter(|key| !after.contains_key(*key));
            let keys = after.keys().chain(gone).filter(|key| before.get(*key) != after.get(*key));
            let change = |key: &String| KeyChange {
                key: key.clone(),
                before: before.get(key).map(written),
                after: after.get(key).map(written),
            };
            Some(ChangeKind::Changed(keys.map(change).collect()))
        }
        (Some(before), Some(after)) => Some(ChangeKind::Changed(vec![KeyChange {
            key: String::new(),
            before: Some(written(before)),
            after: Some(written(after)),
        }])),
    }
}

/// The fewest rules that must have moved for the order to be what it is.
fn moved(section: &str, before: &Things<'_>, after: &Things<'_>) -> Vec<Change> {
    let position = |name: &str| before.iter().position(|(known, _)| *known == name);
    let kept: Vec<(&str, usize)> =
        after.iter().filter_map(|(name, _)| Some((*name, position(name)?))).collect();
    let stayed = longest_rise(&kept.iter().map(|(_, position)| *position).collect::<Vec<_>>());
    let change = |(place, (name, _)): (usize, &(&str, usize))| {
        let behind = place.checked_sub(1).map(|place| kept[place].0.to_owned());
        let kind = ChangeKind::Moved { behind };
        Change { section: section.to_owned(), name: Some((*name).to_owned()), kind }
    };
    kept.iter().enumerate().filter(|(place, _)| !stayed.contains(place)).map(change).collect()
}

/// The places of a longest rising subsequence.
fn longest_rise(values: &[usize]) -> Vec<usize> {
    // For each place the length of the longest rise that ends there, and the place before.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        let before = (0..place).filter(|other| values[*other] < *value).max_by_key(|other| best[*other].0);
        best.push((before.map_or(0, |before| best[before].0) + 1, before));
    }
    let mut place = (0..values.len()).max_by_key(|place| best[*place].0);
    let mut rise = Vec::new();
    while let Some(at) = place {
        rise.push(at);
        place = best[at].1;
    }
    rise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_moves_are_found() {
        for (order, moves) in [
            (vec![0, 1, 2, 3], 0),
            (vec![3, 0, 1, 2], 1),
            (vec![1, 2, 3, 0], 1),
            (vec![3, 2, 1, 0], 3),
            (vec![], 0),
        ] {
            assert_eq!(order.len() - longest_rise(&order).len(), moves, "{order:?}");
        }
    }
}
