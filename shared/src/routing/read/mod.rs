//! From a document to a [`Ruleset`], or to everything that is wrong with it.
//!
//! The grammar says first what has the wrong shape; what is read then says what does not make
//! sense, and passes over in silence what has the wrong shape.

mod calendars;
mod conditions;
mod limits;
mod pools;
mod rules;
mod tests;

pub use tests::read_facts;

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::{
    Calendar, Emergency, Finding, Needs, Pool, Ruleset, Step,
    grammar::{Findings, Node, RULESET, Shape, validate},
    texts::Words,
};

/// Reads a document, whatever it was written in, into a form that decides without looking anything
/// up.
///
/// # Errors
/// Everything that is wrong with it. A key or a value that this version does not understand is an
/// error: nothing is ever ignored.
pub fn read(document: &Value) -> Result<Ruleset, Vec<Finding>> {
    let findings = Findings::default();
    let document = Node::document(document, &findings);
    limits::check_size(&document);
    if findings.any_error() {
        return Err(findings.into_vec());
    }
    validate(&document, &Shape::Record(&RULESET));
    let ruleset = read_ruleset(document);
    ruleset.iter().for_each(|ruleset| limits::check_rules(&document, ruleset));
    match ruleset {
        Some(ruleset) if !findings.any_error() => return Ok(ruleset),
        None if !findings.any_error() => {
            document.error(
                "this version of the software knows all of its keys, but cannot read one of them; report it",
            );
        }
        _ => {}
    }
    Err(findings.into_vec())
}

/// The document as functions load it: everything but its tests.
pub fn loadable(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(document) = document.as_object_mut() {
        document.shift_remove("tests");
    }
    document
}

/// What rules may refer to.
struct Scope<'a> {
    timezone: TimeZone,
    calendars: Named<'a, Calendar>,
    pools: Named<'a, Pool>,
}

/// Things that are called by name; what could not be read has a name all the same.
struct Named<'a, T> {
    what: &'static str,
    names: Vec<&'a str>,
    positions: HashMap<&'a str, usize>,
    values: Vec<Option<T>>,
}

impl<'a, T> Named<'a, T> {
    fn read(
        what: &'static str,
        node: Option<&'a Node<'a>>,
        read: impl Fn(&'a str, Node<'a>) -> Option<T>,
    ) -> Self {
        let entries = node.into_iter().flat_map(|node| node.entries());
        let (names, values): (Vec<_>, _) = entries.map(|(name, node)| (name, read(name, node))).unzip();
        let positions = names.iter().enumerate().map(|(position, name)| (*name, position)).collect();
        Self { what, names, positions, values }
    }

    /// The position of what a node names.
    fn position(&self, node: &Node<'_>) -> Option<usize> {
        self.find(node.text()?, node)
    }

    /// The position of a name, which stands at this node.
    fn find(&self, name: &str, node: &Node<'_>) -> Option<usize> {
        let position = self.positions.get(name).copied();
        if position.is_none() {
            node.error_unknown(self.what, name, &self.names);
        }
        position
    }

    fn get(&self, position: usize) -> Option<&T> {
        self.values.get(position)?.as_ref()
    }

    fn all(self) -> Option<Vec<T>> {
        self.values.into_iter().collect()
    }
}

fn read_ruleset(document: Node<'_>) -> Option<Ruleset> {
    let timezone = document.get("timezone").map_or(Some(TimeZone::UTC), |node| read_zone(&node));
    let zone = timezone.clone().unwrap_or(TimeZone::UTC);
    let (holidays, calendars, pools) =
        (document.get("holidays"), document.get("calendars"), document.get("pools"));
    let holidays = calendars::Holidays::read(holidays.as_ref());
    let calendars = Named::read("calendar", calendars.as_ref(), |name, node| {
        calendars::read(name, &node, &zone, &holidays)
    });
    let pools = Named::read("pool", pools.as_ref(), |name, node| pools::read(name, &node, &calendars));
    let scope = Scope { timezone: zone.clone(), calendars, pools };
    let rules = rules::read(&document, &scope);
    let default = document.get("default").and_then(|node| scope.pools.position(&node.get("pool")?));
    let emergency = document.get("emergency").map(|node| read_emergency(&node, &scope.pools));
    let tests = tests::read(&document);
    let (rules, tests) = (rules?, tests?);
    let profile = rules.iter().flat_map(|rule| &rule.then).any(|step| matches!(step, Step::LastAgent { .. }));
    let needs = Needs { profile, ..Needs::default() };
    Some(Ruleset {
        timezone: timezone?,
        names_timezone: document.get("timezone").is_some(),
        calendars: scope.calendars.all()?,
        pools: scope.pools.all()?,
        needs: rules.iter().map(|rule| rule.when.needs()).fold(needs, Needs::and),
        words: rules.iter().map(|rule| rule.when.words()).fold(Words::default(), Words::and),
        rules,
        default: default?,
        emergency: emergency.map_or(Some(None), |emergency| emergency.map(Some))?,
        tests,
    })
}

fn read_emergency(node: &Node<'_>, pools: &Named<'_, Pool>) -> Option<Emergency> {
    Some(Emergency { pool: pools.position(&node.get("pool")?)?, on: node.get("on")?.truth()? })
}

fn read_zone(node: &Node<'_>) -> Option<TimeZone> {
    let name = node.text()?;
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        node.error(format!(
            "`{name}` is no time zone; write one of the IANA database, such as Asia/Shanghai"
        ));
    }
    zone
}

/// Reads a text, or notes what to write instead.
fn parsed<T>(node: &Node<'_>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    parse(node.text()?).map_err(|advice| node.error(advice)).ok()
}
