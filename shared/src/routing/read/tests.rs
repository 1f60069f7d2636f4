//! A document's own tests.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use super::parsed;
use crate::routing::{
    Expectation, Facts, Finding, RulesetTest, Segment,
    grammar::{FACTS, Findings, Node, Shape, validate},
};

pub(super) fn read(document: &Node<'_>) -> Option<Vec<RulesetTest>> {
    let Some(tests) = document.get("tests") else { return Some(Vec::new()) };
    let mut names = HashSet::new();
    let tests: Vec<_> = tests.items().map(|node| read_test(&node, &mut names)).collect();
    tests.into_iter().collect()
}

fn read_test(node: &Node<'_>, names: &mut HashSet<String>) -> Option<RulesetTest> {
    let name = node.get("name").and_then(|node| {
        let name = node.text()?;
        if !names.insert(name.to_owned()) {
            node.error(format!("an earlier test is called \"{name}\" too; choose another name"));
        }
        Some(name.to_owned())
    });
    let at = node.get("at").and_then(|at| read_moment(&at));
    let given = node.get("given").map_or(Some(Facts::default()), |given| read_given(&given));
    let expect = node.get("expect").map(|expect| read_expectation(&expect));
    Some(RulesetTest { name: name?, at: at?, given: given?, expect: expect? })
}

fn read_moment(node: &Node<'_>) -> Option<Timestamp> {
    parsed(node, |text| {
        let advice =
            |_| format!("`{text}` is no moment; write date, time and offset, such as 2027-02-01T10:00+08:00");
        text.parse().map_err(advice)
    })
}

/// Reads facts that stand alone, in the form of a test's `given`.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read_facts(document: &Value) -> Result<Facts, Vec<Finding>> {
    let findings = Findings::default();
    let node = Node::document(document, &findings);
    validate(&node, &Shape::Record(&FACTS));
    match read_given(&node) {
        Some(facts) if !findings.any_error() => Ok(facts),
        _ => Err(findings.into_vec()),
    }
}

fn read_given(node: &Node<'_>) -> Option<Facts> {
    let user = node.get("user");
    let moment = |key| user.as_ref().and_then(|user| user.get(key)).filter(|moment| moment.text().is_some());
    let moments = ["last_agent_at", "last_rating_at"].map(moment);
    let sound = moments.iter().flatten().all(|moment| read_moment(moment).is_some());
    let facts = serde_path_to_error::deserialize(node.value());
    facts
        .map_err(|error| {
            // What has the wrong shape has been noted, with better words.
            let noted = Findings::default();
            validate(&Node::document(node.value(), &noted), &Shape::Record(&FACTS));
            if noted.any_error() || !sound {
                return;
            }
            let mut path = node.path();
            path.0.extend(error.path().iter().filter_map(segment));
            node.error_at(path, error.inner().to_string());
        })
        .ok()
}

fn segment(segment: &serde_path_to_error::Segment) -> Option<Segment> {
    match segment {
        serde_path_to_error::Segment::Map { key } => Some(Segment::Key(key.clone())),
        serde_path_to_error::Segment::Seq { index } => Some(Segment::Item(*index)),
        _ => None,
    }
}

fn read_expectation(node: &Node<'_>) -> Expectation {
    Expectation {
        rule: node.get("rule").and_then(|rule| rule.text().map(str::to_owned)),
        group: node.get("group").and_then(|group| group.whole()),
        agents: node
            .get("agents")
            .map(|agents| agents.items().filter_map(|agent| agent.text().map(str::to_owned)).collect()),
    }
}
