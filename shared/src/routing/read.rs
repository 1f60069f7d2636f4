//! From a document to a [`Ruleset`], or to everything that is wrong with it.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{
    Agents, Condition, DEFAULT, EMERGENCY, Expectation, FALLBACK, Facts, Finding, Needs, Otherwise, Path,
    Pool, Rule, Ruleset, RulesetTest, Segment, Step,
    node::{Findings, Node, unknown},
};

/// Reads a document, whatever it was written in.
///
/// # Errors
/// Everything that is wrong with it, in the order of the document's sections. A key or a value
/// that this version does not understand is an error: nothing is ever ignored.
pub fn read(document: &Value) -> Result<Ruleset, Vec<Finding>> {
    let findings = Findings::default();
    let ruleset = read_ruleset(Node::document(document, &findings));
    match ruleset {
        Some(ruleset) if !findings.any_error() => Ok(ruleset),
        _ => Err(findings.into_vec()),
    }
}

fn read_ruleset(document: Node<'_>) -> Option<Ruleset> {
    let fields = document.fields("{ pools: ..., rules: ..., default: ... }")?;
    let timezone = fields.get("timezone").map_or(Some(TimeZone::UTC), read_zone);
    let pools = fields.require("pools", "{ general: { group: 6500 } }").and_then(read_pools);
    let pools = pools.unwrap_or_default();
    let rules = fields.get("rules").and_then(|node| read_rules(node, &pools)).unwrap_or_default();
    let default = fields.require("default", "{ pool: general }").and_then(|node| {
        let fields = node.fields("{ pool: general }")?;
        let pool = fields.require("pool", "general").and_then(|node| pool_named(node, &pools));
        fields.finish();
        pool
    });
    let tests = fields.get("tests").and_then(read_tests).unwrap_or_default();
    fields.finish();
    let needs = rules.iter().map(Rule::needs).fold(Needs::default(), Needs::and);
    Some(Ruleset { timezone: timezone?, pools, rules, default: default?, tests, needs })
}

impl Rule {
    fn needs(&self) -> Needs {
        let profile = self.then.iter().any(|step| matches!(step, Step::LastAgent { .. }));
        self.when.needs().and(Needs { profile, ..Needs::default() })
    }
}

fn read_zone(node: Node<'_>) -> Option<TimeZone> {
    let name = node.text("Asia/Shanghai")?;
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        node.error(format!(
            "`{name}` is no time zone; write one of the IANA database, such as Asia/Shanghai"
        ));
    }
    zone
}

fn read_pools(node: Node<'_>) -> Option<Vec<Pool>> {
    let pools = node.entries("{ general: { group: 6500 } }")?;
    Some(pools.filter_map(|(name, node)| read_pool(name, node)).collect())
}

fn read_pool(name: &str, node: Node<'_>) -> Option<Pool> {
    let fields = node.fields("{ group: 6500 }")?;
    let group = fields.get("group").map(|node| node.whole("6500"));
    let agents = fields.get("agents").map(read_agents);
    let answer = fields.get("answer").map_or(Some(Agents::Both), |node| {
        choice(node, &[("both", Agents::Both), ("group", Agents::Group), ("agents", Agents::Agents)])
    });
    if let Some(order) = fields.get("order") {
        choice(order, &[("as-listed", ())]);
    }
    fields.finish();
    if group.is_none() && agents.is_none() {
        node.error("the pool has neither `group` nor `agents`, so nobody can serve; write one of them");
    }
    let (group, agents, answer) = (group.flatten(), agents.flatten().unwrap_or_default(), answer?);
    match answer {
        Agents::Group if group.is_none() => node.error("`answer: group` needs a `group`"),
        Agents::Agents if agents.is_empty() => node.error("`answer: agents` needs `agents`"),
        _ => {}
    }
    Some(Pool { name: name.to_owned(), group, agents, answer })
}

fn read_agents(node: Node<'_>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let agents: Vec<_> = node
        .items("[anna@example.com]")?
        .filter_map(|item| {
            let agent = read_agent(item)?;
            if !seen.insert(agent.clone()) {
                item.error(format!("{agent} is listed twice; keep one"));
            }
            Some(agent)
        })
        .collect();
    if node.value().as_array().is_some_and(Vec::is_empty) {
        node.error("the list is empty; name an agent, or leave `agents` out");
    }
    Some(agents)
}

fn read_agent(node: Node<'_>) -> Option<String> {
    if !node.value().is_object() {
        return node.text("anna@example.com").map(str::to_owned);
    }
    let fields = node.fields("{ id: anna@example.com }")?;
    let id = fields.require("id", "anna@example.com").and_then(|node| node.text("anna@example.com"));
    fields.finish();
    id.map(str::to_owned)
}

fn read_rules(node: Node<'_>, pools: &[Pool]) -> Option<Vec<Rule>> {
    let mut names = HashSet::new();
    let rules = node.items("[{ name: everyone, then: [{ pool: general }] }]")?;
    Some(rules.filter_map(|node| read_rule(node, pools, &mut names)).collect())
}

fn read_rule(node: Node<'_>, pools: &[Pool], names: &mut HashSet<String>) -> Option<Rule> {
    let fields = node.fields("{ name: everyone, then: [{ pool: general }] }")?;
    let name = fields.require("name", "everyone").and_then(|node| read_rule_name(node, names));
    let when = fields.get("when").map_or(Some(Condition::All(Vec::new())), Condition::read);
    let then = fields.require("then", "[{ pool: general }]").and_then(|node| read_steps(node, pools));
    let otherwise = fields.get("else").map_or(Some(Otherwise::Stop), |node| {
        choice(node, &[("stop", Otherwise::Stop), ("continue", Otherwise::Continue)])
    });
    fields.finish();
    Some(Rule { name: name?, when: when?, then: then?, otherwise: otherwise? })
}

fn read_rule_name(node: Node<'_>, names: &mut HashSet<String>) -> Option<String> {
    let name = node.text("everyone")?;
    if [DEFAULT, EMERGENCY, FALLBACK].contains(&name) {
        node.error(format!("`{name}` is reserved for answers that no rule gave; choose another name"));
    }
    if !names.insert(name.to_owned()) {
        node.error(format!("an earlier rule is called `{name}` too; choose another name"));
    }
    Some(name.to_owned())
}

fn read_steps(node: Node<'_>, pools: &[Pool]) -> Option<Vec<Step>> {
    let steps: Vec<_> =
        node.items("[{ pool: general }]")?.filter_map(|node| read_step(node, pools)).collect();
    if node.value().as_array().is_some_and(Vec::is_empty) {
        node.error("the rule has no step; write one, such as { pool: general }");
    }
    Some(steps)
}

fn read_step(node: Node<'_>, pools: &[Pool]) -> Option<Step> {
    let fields = node.fields("{ pool: general }")?;
    let pool = fields.get("pool").map(|node| pool_named(node, pools));
    let last_agent = fields.get("last_agent").map(|node| read_last_agent(node, pools));
    fields.finish();
    match (pool, last_agent) {
        (Some(pool), None) => pool.map(Step::Pool),
        (None, Some(last_agent)) => last_agent,
        (Some(_), Some(_)) => {
            node.error("one step does one thing; write each as an item of its own");
            None
        }
        (None, None) => {
            if node.value().as_object().is_some_and(serde_json::Map::is_empty) {
                node.error("the step is empty; write what it does, such as { pool: general }");
            }
            None
        }
    }
}

fn read_last_agent(node: Node<'_>, pools: &[Pool]) -> Option<Step> {
    let fields = node.fields("{ within: 30d, in: vip }")?;
    let within = fields.require("within", "30d").and_then(read_duration);
    let pool = fields.require("in", "vip").and_then(|node| {
        let pool = pool_named(node, pools)?;
        if pools[pool].agents.is_empty() {
            node.error(format!(
                "pool `{}` lists no agents, so the last agent is never in it",
                pools[pool].name
            ));
        }
        Some(pool)
    });
    fields.finish();
    Some(Step::LastAgent { within: within?, pool: pool? })
}

fn read_duration(node: Node<'_>) -> Option<SignedDuration> {
    let text = node.text("30d")?;
    let duration = duration(text);
    if duration.is_none() {
        node.error(format!("`{text}` is no duration; write a whole number with d, h, m or s, such as 30d"));
    }
    duration
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
    // Four digits of days are beyond any retention, and cannot overflow.
    let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.then(|| number.parse().ok()).flatten()?;
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}

fn read_tests(node: Node<'_>) -> Option<Vec<RulesetTest>> {
    Some(node.items("[{ name: ..., at: ..., given: ..., expect: ... }]")?.filter_map(read_test).collect())
}

fn read_test(node: Node<'_>) -> Option<RulesetTest> {
    let fields = node.fields("{ name: ..., at: ..., given: ..., expect: ... }")?;
    let name =
        fields.require("name", "a VIP gets her agent").and_then(|node| node.text("a VIP gets her agent"));
    let at = fields.require("at", "2027-02-01T10:00+08:00").and_then(read_moment);
    let given = fields.get("given").map_or(Some(Facts::default()), read_given);
    let expect = fields.require("expect", "{ rule: vip }").and_then(read_expectation);
    fields.finish();
    Some(RulesetTest { name: name?.to_owned(), at: at?, given: given?, expect: expect? })
}

fn read_moment(node: Node<'_>) -> Option<Timestamp> {
    const EXAMPLE: &str = "2027-02-01T10:00+08:00";
    let text = node.text(EXAMPLE)?;
    let moment = text.parse().ok();
    if moment.is_none() {
        node.error(format!("`{text}` is no moment; write date, time and offset, such as {EXAMPLE}"));
    }
    moment
}

fn read_given(node: Node<'_>) -> Option<Facts> {
    serde_path_to_error::deserialize(node.value())
        .map_err(|error| {
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

fn read_expectation(node: Node<'_>) -> Option<Expectation> {
    let fields = node.fields("{ rule: vip, group: 6521 }")?;
    let rule = fields.get("rule").map(|node| node.text("vip").map(str::to_owned));
    let group = fields.get("group").map(|node| node.whole("6521"));
    let agents = fields
        .get("agents")
        .map(|node| Some(node.items("[anna@example.com]")?.filter_map(read_agent).collect::<Vec<_>>()));
    fields.finish();
    if rule.is_none() && group.is_none() && agents.is_none() {
        node.error("the test expects nothing, so it cannot fail; write `rule`, `group` or `agents`");
    }
    Some(Expectation { rule: rule.flatten(), group: group.flatten(), agents: agents.flatten() })
}

fn pool_named(node: Node<'_>, pools: &[Pool]) -> Option<usize> {
    let name = node.text("general")?;
    let position = pools.iter().position(|pool| pool.name == name);
    if position.is_none() {
        let names: Vec<_> = pools.iter().map(|pool| pool.name.as_str()).collect();
        node.error(unknown("pool", name, &names));
    }
    position
}

fn choice<T: Copy>(node: Node<'_>, choices: &[(&str, T)]) -> Option<T> {
    let text = node.text(choices[0].0)?;
    let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if chosen.is_none() {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        node.error(unknown("value here", text, &names));
    }
    chosen
}

/// The place of a rule in its document.
pub(super) fn rule_path(position: usize) -> Path {
    Path(vec![Segment::Key("rules".into()), Segment::Item(position)])
}
