//! Rules and their steps.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::{Scope, conditions, parsed};
use crate::routing::{
    By, Condition, DEFAULT, EMERGENCY, FALLBACK, Otherwise, Rule, Share, Step, grammar::Node, select::Seed,
};

pub(super) fn read(document: &Node<'_>, scope: &Scope<'_>) -> Option<Vec<Rule>> {
    let Some(rules) = document.get("rules") else { return Some(Vec::new()) };
    let mut names = HashSet::new();
    // Every rule is read, also behind one that could not be.
    let rules: Vec<_> = rules.items().map(|node| read_rule(&node, scope, &mut names)).collect();
    rules.into_iter().collect()
}

fn read_rule(node: &Node<'_>, scope: &Scope<'_>, names: &mut HashSet<String>) -> Option<Rule> {
    let name = node.get("name").and_then(|node| read_rule_name(&node, names));
    let salt = name.as_deref().unwrap_or_default();
    let (from, until) = (read_time(node, "from", &scope.timezone), read_time(node, "until", &scope.timezone));
    if let (Some(Some(from)), Some(Some(until))) = (from, until)
        && from >= until
    {
        node.error("the rule ends before it begins; exchange `from` and `until`");
    }
    let when = node
        .get("when")
        .map_or(Some(Condition::All(Vec::new())), |when| conditions::read(&when, salt, scope));
    let then = node.get("then").and_then(|then| {
        let steps: Vec<_> = then.items().map(|step| read_step(&step, salt, scope)).collect();
        steps.into_iter().collect::<Option<Vec<_>>>()
    });
    let otherwise = match node.get("else").and_then(|node| node.text()) {
        Some("continue") => Otherwise::Continue,
        _ => Otherwise::Stop,
    };
    let enabled = node.get("enabled").and_then(|node| node.truth()).unwrap_or(true);
    Some(Rule { name: name?, enabled, from: from?, until: until?, when: when?, then: then?, otherwise })
}

fn read_rule_name(node: &Node<'_>, names: &mut HashSet<String>) -> Option<String> {
    let name = node.text()?;
    if [DEFAULT, EMERGENCY, FALLBACK].contains(&name) {
        node.error(format!("`{name}` is reserved for answers that no rule gave; choose another name"));
    }
    if !names.insert(name.to_owned()) {
        node.error(format!("an earlier rule is called `{name}` too; choose another name"));
    }
    Some(name.to_owned())
}

/// A time on the clocks of the ruleset's zone; `Some(None)` if there is none.
fn read_time(node: &Node<'_>, key: &str, zone: &TimeZone) -> Option<Option<Timestamp>> {
    let Some(node) = node.get(key) else { return Some(None) };
    parsed(&node, |text| {
        let advice = || {
            format!(
                "`{text}` is no date and time; write wall time of the ruleset's zone, such as 2027-01-01T00:00"
            )
        };
        // What is written otherwise might be meant otherwise.
        let exact = |format: &&str| {
            let time = DateTime::strptime(format, text).ok()?;
            (time.strftime(format).to_string() == text).then_some(time)
        };
        let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
        let time = formats.iter().find_map(exact).ok_or_else(advice)?;
        // A time that daylight saving skips means the one an hour later, as everywhere.
        time.to_zoned(zone.clone()).map(|time| Some(time.timestamp())).map_err(|_| advice())
    })
}

fn read_step(node: &Node<'_>, salt: &str, scope: &Scope<'_>) -> Option<Step> {
    let (key, value) = node.entries().next()?;
    match key {
        "pool" => scope.pools.position(&value).map(Step::Pool),
        "split" => read_split(&value, salt, scope),
        "last_agent" => read_last_agent(&value, scope),
        "fail" => value.text().map(|why| Step::Fail(why.to_owned())),
        _ => None,
    }
}

/// For whom a draw is always the same: the user, if nothing is said.
pub(super) fn read_by(node: &Node<'_>) -> By {
    match node.get("by").and_then(|by| by.text()) {
        Some("session") => By::Session,
        _ => By::User,
    }
}

/// What a draw is salted with: the rule's name, if nothing is said.
pub(super) fn read_salt(node: &Node<'_>, rule: &str) -> String {
    node.get("salt").and_then(|salt| salt.text()).unwrap_or(rule).to_owned()
}

fn read_split(node: &Node<'_>, rule: &str, scope: &Scope<'_>) -> Option<Step> {
    let to = node.get("to")?;
    let salt = Seed::salt(&read_salt(node, rule));
    let share = |(name, weight): (&str, Node<'_>)| {
        let pool = scope.pools.find(name, &weight)?;
        Some(Share { pool, weight: weight.number()?, seed: salt.choice(name) })
    };
    let shares: Vec<_> = to.entries().map(share).collect();
    Some(Step::Split { by: read_by(node), to: shares.into_iter().collect::<Option<_>>()? })
}

fn read_last_agent(node: &Node<'_>, scope: &Scope<'_>) -> Option<Step> {
    let within = node.get("within").and_then(|within| {
        parsed(&within, |text| {
            duration(text).ok_or_else(|| {
                format!("`{text}` is no duration; write a whole number with d, h, m or s, such as 30d")
            })
        })
    });
    let pool = node.get("in").and_then(|node| {
        let pool = scope.pools.position(&node)?;
        if scope.pools.get(pool).is_some_and(|pool| pool.agents.is_empty()) {
            let name = scope.pools.names[pool];
            node.error(format!("pool `{name}` lists no agents, so the last agent is never in it"));
        }
        Some(pool)
    });
    Some(Step::LastAgent { within: within?, pool: pool? })
}

fn duration(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    // Nine digits, even of days, cannot overflow.
    let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.then(|| number.parse().ok()).flatten()?;
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}
