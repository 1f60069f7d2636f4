//! Slips in names, ids and keywords: valid, but probably not what their author meant.

use std::ops::RangeInclusive;

use super::{Condition, Finding, Pool, Ruleset, Severity, check::finding};

/// Warns about each slip.
pub(super) fn find(ruleset: &Ruleset, findings: &mut Vec<Finding>) {
    for pool in &ruleset.pools {
        named("the pool", &pool.name, &["pools", &pool.name], None, findings);
        agents(pool, findings);
    }
    for calendar in &ruleset.calendars {
        named("the calendar", &calendar.name, &["calendars", &calendar.name], None, findings);
    }
    for (position, rule) in ruleset.rules.iter().enumerate() {
        named("the rule", &rule.name, &["rules"], Some(position), findings);
        let mut condition = |what: &str, text: &str| {
            if let Some(slip) = slip(text) {
                let message = format!("{what} {text:?} of `{}` {slip}", rule.name);
                findings.push(finding(Severity::Warning, &["rules"], Some(position), message));
            }
        };
        rule.when.each_text(&mut condition);
    }
}

fn named(what: &str, name: &str, place: &[&str], item: Option<usize>, findings: &mut Vec<Finding>) {
    if let Some(slip) = slip(name) {
        findings.push(finding(Severity::Warning, place, item, format!("{what} {name:?} {slip}")));
    }
}

fn agents(pool: &Pool, findings: &mut Vec<Finding>) {
    // One `@` between two parts of what addresses consist of.
    let is_address = |id: &str| id.contains('@');
    let is_plain = |id: &str| {
        let part =
            |part: &str| !part.is_empty() && !part.starts_with(['.', '\'']) && !part.ends_with(['.', '\'']);
        let marks = ['/', '|', ':', '"', '`', '(', ')', '[', ']', '\\'];
        !id.contains(marks)
            && id.split_once('@').is_some_and(|(name, host)| part(name) && part(host) && !host.contains('@'))
    };
    let addresses = pool.agents.iter().filter(|agent| is_address(&agent.id)).count();
    for (position, agent) in pool.agents.iter().enumerate() {
        let id = agent.id.as_str();
        let slip = if id.contains([',', ';']) {
            "looks like several ids; write each as an item of its own"
        } else if id.contains(['<', '>']) {
            "looks like a name with an address; write the id alone"
        } else if id.contains(|part: char| part.is_whitespace() || invisible(part)) {
            "contains a blank or an invisible character; remove it"
        } else if id.contains(QUOTES) {
            "contains a typographic quote; remove it"
        } else if is_address(id) && !is_plain(id) {
            "is not an address as it is; write the address alone, without quotes, a scheme or a dot at its end"
        } else if !is_address(id) && addresses * 2 > pool.agents.len() {
            "is not an address, and most ids of this pool are; write it as in Desk"
        } else {
            continue;
        };
        let message = format!("the agent id {id:?} {slip}");
        findings.push(finding(Severity::Warning, &["pools", &pool.name, "agents"], Some(position), message));
    }
}

const QUOTES: [char; 11] = [
    '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}', '\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{ab}',
    '\u{bb}', '\u{ff02}',
];

/// The probable mistake in a text, and the remedy.
fn slip(text: &str) -> Option<&'static str> {
    let blank = |part: char| part.is_whitespace() || invisible(part);
    if text.starts_with(blank) || text.ends_with(blank) {
        Some("begins or ends with a blank or an invisible character, which counts; remove it")
    } else if text.contains(QUOTES) {
        Some(
            "contains a typographic quote, which counts; write it without, or with the quote that users type",
        )
    } else if text.contains(hidden) {
        Some("contains an invisible character, which counts; remove it")
    } else {
        None
    }
}

/// True if nothing is seen of a character, and no script needs it inside a word.
fn hidden(part: char) -> bool {
    // Between the letters of some scripts, and inside emoji.
    const JOINERS: RangeInclusive<char> = '\u{200c}'..='\u{200d}';
    let breaks = matches!(part, '\n' | '\r' | '\t');
    invisible(part)
        && !breaks
        && !JOINERS.contains(&part)
        && !matches!(part, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

/// True if nothing is seen of a character.
fn invisible(part: char) -> bool {
    part.is_control()
        || matches!(part, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl Condition {
    /// Tells each text of the condition, and its kind.
    fn each_text(&self, tell: &mut impl FnMut(&str, &str)) {
        match self {
            Self::TextContains(words) | Self::TextStartsWith(words) => {
                words.iter().for_each(|word| tell("the keyword", word));
            }
            Self::UserId(matcher)
            | Self::UserTag(matcher)
            | Self::Language(matcher)
            | Self::Channel(matcher)
            | Self::Platform(matcher)
            | Self::CustomerServiceId(matcher) => matcher.texts().for_each(|text| tell("the value", text)),
            Self::UserAttribute(name, matcher) => {
                tell("the attribute", name);
                matcher.texts().for_each(|text| tell("the value", text));
            }
            Self::CustomData(pointer, matcher) => {
                tell("the pointer", &pointer.text);
                matcher.texts().for_each(|text| tell("the value", text));
            }
            _ => self.parts().iter().for_each(|part| part.each_text(tell)),
        }
    }
}
