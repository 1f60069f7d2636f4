//! Pools and their agents.

use std::collections::HashSet;

use super::Named;
use crate::routing::{Agent, Agents, By, Calendar, Order, Pool, grammar::Node, select::Seed};

pub(super) fn read(name: &str, node: &Node<'_>, calendars: &Named<'_, Calendar>) -> Option<Pool> {
    let group = node.get("group").and_then(|node| node.whole());
    let order = match node.get("order").and_then(|order| order.text()) {
        Some("by-user") => Order::Drawn(By::User),
        Some("by-session") => Order::Drawn(By::Session),
        _ => Order::AsListed,
    };
    let answer = match node.get("answer").and_then(|answer| answer.text()) {
        Some("group") => Agents::Group,
        Some("agents") => Agents::Agents,
        _ => Agents::Both,
    };
    let agents = node.get("agents").map_or_else(Vec::new, |agents| read_agents(&agents, name, order));
    let calendar = node.get("calendar").map(|calendar| calendars.position(&calendar));
    match answer {
        _ if node.get("group").is_none() && node.get("agents").is_none() => {
            node.error("the pool has neither `group` nor `agents`, so nobody can serve; write one of them");
        }
        Agents::Group if node.get("group").is_none() => node.error("`answer: group` needs a `group`"),
        Agents::Agents if node.get("agents").is_none() => node.error("`answer: agents` needs `agents`"),
        _ => {}
    }
    let calendar = calendar.map_or(Some(None), |calendar| calendar.map(Some))?;
    let mut by_id: Vec<_> = (0..agents.len()).collect();
    by_id.sort_unstable_by_key(|position| agents[*position].id.as_str());
    Some(Pool { name: name.to_owned(), group, agents, order, calendar, answer, by_id })
}

fn read_agents(node: &Node<'_>, pool: &str, order: Order) -> Vec<Agent> {
    let mut seen = HashSet::new();
    let mut agents = Vec::new();
    for item in node.items() {
        let id = item.get("id");
        let Some(id) = id.as_ref().unwrap_or(&item).text().map(str::to_owned) else { continue };
        if !seen.insert(id.clone()) {
            item.error(format!("{id} is listed twice; keep one"));
        }
        let weight = item.get("weight");
        if let (Some(weight), Order::AsListed) = (&weight, order) {
            weight.error("a weight counts only where agents are drawn; add `order: by-user`, or remove it");
        }
        let weight = weight.and_then(|weight| weight.number()).unwrap_or(1.0);
        agents.push(Agent { weight, seed: Seed::salt(pool).choice(&id), id });
    }
    agents
}
