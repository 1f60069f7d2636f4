//! Conditions.

use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;

use super::{
    Scope,
    calendars::{read_date, read_hours},
    parsed,
    rules::{read_by, read_salt},
};
use crate::routing::{
    Between, Condition, Dates, Days, Matcher, Percent, Pointer,
    grammar::{Node, SHORT, at_most},
    select::Seed,
    text::folded,
};

/// The most levels of a JSON pointer.
const MOST_DEPTH: usize = 10;

/// A map of conditions: all of them.
pub(super) fn read(node: &Node<'_>, rule: &str, scope: &Scope<'_>) -> Option<Condition> {
    let mut all = Vec::new();
    for (key, value) in node.entries() {
        match key {
            // Each name in there is a condition of its own.
            "user_attribute" => all.extend(value.entries().map(|(name, value)| {
                Some(Condition::UserAttribute(name.to_owned(), read_matcher(&value, str::to_owned)?))
            })),
            "custom_data" => all.extend(value.entries().map(|(pointer, value)| {
                if !pointer.starts_with('/') {
                    value.error(format!("`{pointer}` is no JSON pointer; write `/{pointer}`"));
                }
                if pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
                    value.error(format!(
                        "`{pointer}` is no JSON pointer; write ~0 for `~` and ~1 for `/` in a name"
                    ));
                }
                let pointer = Pointer::new(pointer);
                if pointer.depth() > MOST_DEPTH {
                    value.error(format!(
                        "`{}` points more than {MOST_DEPTH} levels deep; point at a value nearer to the top",
                        pointer.text
                    ));
                }
                Some(Condition::CustomData(pointer, read_matcher(&value, str::to_owned)?))
            })),
            _ => all.push(read_one(key, &value, rule, scope)),
        }
    }
    let mut all = all.into_iter().collect::<Option<Vec<_>>>()?;
    Some(if all.len() == 1 { all.remove(0) } else { Condition::All(all) })
}

fn read_one(key: &str, node: &Node<'_>, rule: &str, scope: &Scope<'_>) -> Option<Condition> {
    let matcher = || read_matcher(node, str::to_owned);
    let lower = || read_matcher(node, str::to_ascii_lowercase);
    let words = || node.one_or_items().filter_map(|word| read_word(&word)).collect::<Vec<_>>();
    Some(match key {
        "user_id" => Condition::UserId(matcher()?),
        "user_tag" => Condition::UserTag(matcher()?),
        "language" => Condition::Language(lower()?),
        "channel" => Condition::Channel(matcher()?),
        "platform" => Condition::Platform(lower()?),
        "client_ip" => {
            Condition::ClientIp(node.one_or_items().map(|net| parsed(&net, network)).collect::<Option<_>>()?)
        }
        "customer_service_id" => Condition::CustomerServiceId(matcher()?),
        "last_rating" => Condition::LastRating(matcher()?),
        "text_contains" => Condition::TextContains(words()),
        "text_starts_with" => Condition::TextStartsWith(words()),
        "bot_turns" => Condition::BotTurns(matcher()?),
        "attempt" => Condition::Attempt(matcher()?),
        "open" => {
            Condition::Open { calendar: scope.calendars.position(node)?, name: node.text()?.to_owned() }
        }
        "percent" => {
            let (of, by, salt) = (node.get("of")?.number()?, read_by(node), read_salt(node, rule));
            Condition::Percent(Percent { of, by, seed: Seed::salt(&salt), salt })
        }
        "between" => Condition::Between(read_between(node)?),
        "all" => Condition::All(read_list(node, rule, scope)?),
        "any" => Condition::Any(read_list(node, rule, scope)?),
        "not" => Condition::Not(Box::new(read(node, rule, scope)?)),
        "at_least" => {
            let of = read_list(&node.get("of")?, rule, scope)?;
            let n = usize::try_from(node.get("n")?.whole()?).unwrap_or(usize::MAX);
            if n > of.len() {
                node.error(format!("{n} of {} can never hold; write a smaller `n`", of.len()));
            }
            Condition::AtLeast { n, of }
        }
        _ => return None,
    })
}

/// A word as it is compared. Some characters become several.
fn read_word(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let word = folded(text);
    if text.chars().count() <= SHORT {
        at_most(SHORT, &word, node);
    }
    Some(word)
}

fn read_list(node: &Node<'_>, rule: &str, scope: &Scope<'_>) -> Option<Vec<Condition>> {
    let parts: Vec<_> = node.items().map(|part| read(&part, rule, scope)).collect();
    parts.into_iter().collect()
}

/// VALUE: one, any of a list, or a map. `spell` brings what is compared into one form.
fn read_matcher(node: &Node<'_>, spell: impl Fn(&str) -> String) -> Option<Matcher> {
    if !node.value().is_object() {
        let value = |value: &Value| match value {
            Value::String(text) => Value::String(spell(text)),
            other => other.clone(),
        };
        return Some(Matcher::AnyOf(node.one_or_items().map(|item| value(item.value())).collect()));
    }
    let (prefix, exists) = (node.get("prefix"), node.get("exists"));
    let (min, max) = (node.get("min"), node.get("max"));
    match (prefix, exists, min, max) {
        (Some(prefix), None, None, None) => prefix.text().map(|prefix| Matcher::Prefix(spell(prefix))),
        (None, Some(exists), None, None) => exists.truth().map(Matcher::Exists),
        (None, None, min, max) if min.is_some() || max.is_some() => {
            let (min, max) = (min.and_then(|min| min.number()), max.and_then(|max| max.number()));
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                node.error(format!("nothing lies between {min} and {max}; write the smaller one as `min`"));
            }
            Some(Matcher::Between { min, max })
        }
        _ => {
            node.error("write one of `prefix`, `exists`, or bounds (`min`, `max` or both)");
            None
        }
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = |text: &str| text.parse().ok().map(|address: std::net::IpAddr| address.into());
    let network = match text.parse().ok().or_else(|| address(text)) {
        // An IPv4 address is compared as one, however it is written.
        Some(IpNet::V6(wide)) if wide.prefix_len() >= 96 => match wide.addr().to_ipv4_mapped() {
            Some(address) => Ipv4Net::new(address, wide.prefix_len() - 96).ok().map(IpNet::V4),
            None => Some(IpNet::V6(wide)),
        },
        network => network,
    };
    network
        .ok_or_else(|| format!("`{text}` is no network; write one such as 203.0.113.0/24 or 2001:db8::/32"))
}

fn read_between(node: &Node<'_>) -> Option<Between> {
    let hours = node.get("time").map_or(Some(Vec::new()), |time| read_hours(&time));
    let days = node.get("days").map(|days| parsed(&days, Days::parse));
    let dates = node.get("dates").map(|node| {
        let (from, to) =
            (node.get("from").map(|date| read_date(&date)), node.get("to").map(|date| read_date(&date)));
        // A date that could not be read has been noted.
        let (from, to) =
            (from.map_or(Some(None), |date| date.map(Some))?, to.map_or(Some(None), |date| date.map(Some))?);
        Dates::new(from, to).map_err(|advice| node.error(advice)).ok()
    });
    let days = days.map_or(Some(None), |days| days.map(Some))?;
    let dates = dates.map_or(Some(None), |dates| dates.map(Some))?;
    Some(Between { hours: hours?, days, dates })
}
