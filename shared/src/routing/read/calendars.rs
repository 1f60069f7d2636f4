//! Holidays and calendars.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::{parsed, read_zone};
use crate::routing::{
    Calendar, Dates, Days, Holiday, Interval, Override,
    calendar::{Written, overlapping},
    grammar::{Node, unknown},
};

/// The lists of holidays, each with what it includes.
pub(super) struct Holidays<'a> {
    names: Vec<&'a str>,
    lists: HashMap<&'a str, Vec<Holiday>>,
}

impl<'a> Holidays<'a> {
    pub(super) fn read(node: Option<&'a Node<'a>>) -> Self {
        let lists: Vec<_> = node.into_iter().flat_map(|node| node.entries()).collect();
        let mut reader = Reader { lists: &lists, done: HashMap::new(), path: Vec::new() };
        for (name, _) in &lists {
            reader.list(name);
        }
        let Reader { done, .. } = reader;
        Self { names: lists.iter().map(|(name, _)| *name).collect(), lists: done }
    }
}

struct Reader<'r, 'a> {
    lists: &'r [(&'a str, Node<'a>)],
    done: HashMap<&'a str, Vec<Holiday>>,
    /// The lists that are being read, each included by the one before.
    path: Vec<&'a str>,
}

impl<'a> Reader<'_, 'a> {
    fn list(&mut self, name: &'a str) {
        let Some((name, node)) = self.lists.iter().find(|(known, _)| *known == name) else { return };
        if self.done.contains_key(name) {
            return;
        }
        self.path.push(name);
        let mut holidays = Vec::new();
        for item in node.items() {
            match item.get("include") {
                Some(include) => holidays.extend(self.included(&item, &include)),
                None => holidays.extend(read_dates(&item).map(|dates| Holiday {
                    list: (*name).to_owned(),
                    name: read_name(&item),
                    dates,
                })),
            }
        }
        self.path.pop();
        self.done.insert(name, holidays);
    }

    fn included(&mut self, item: &Node<'_>, include: &Node<'_>) -> Vec<Holiday> {
        if ["name", "date", "from", "to"].iter().any(|key| item.get(key).is_some()) {
            item.error("`include` stands alone; write the date as an item of its own");
        }
        let Some(wanted) = include.text() else { return Vec::new() };
        let Some((name, _)) = self.lists.iter().find(|(known, _)| *known == wanted) else {
            let names: Vec<_> = self.lists.iter().map(|(name, _)| *name).collect();
            include.error(unknown("list of holidays", wanted, &names));
            return Vec::new();
        };
        if let Some(first) = self.path.iter().position(|open| open == name) {
            let circle: Vec<_> =
                self.path[first..].iter().chain([name]).map(|name| format!("`{name}`")).collect();
            include.error(format!(
                "lists of holidays include each other: {}; remove one of them",
                circle.join(" → ")
            ));
            return Vec::new();
        }
        self.list(name);
        self.done.get(name).cloned().unwrap_or_default()
    }
}

fn read_name(node: &Node<'_>) -> Option<String> {
    node.get("name").and_then(|name| name.text().map(str::to_owned))
}

/// `date`, or `from` and `to`.
fn read_dates(node: &Node<'_>) -> Option<Dates> {
    let (date, from, to) = (node.get("date"), node.get("from"), node.get("to"));
    let (from, to) = match (date, from, to) {
        (Some(date), None, None) => (read_date(&date)?, read_date(&date)?),
        (None, Some(from), Some(to)) => (read_date(&from)?, read_date(&to)?),
        _ => {
            node.error("write the day as `date`, or the first and the last as `from` and `to`");
            return None;
        }
    };
    Dates::new(Some(from), Some(to)).map_err(|advice| node.error(advice)).ok()
}

pub(super) fn read_date(node: &Node<'_>) -> Option<Written> {
    parsed(node, |text| {
        Written::parse(text)
            .ok_or_else(|| format!("`{text}` is no date; write 2027-02-05, or 02-05 for every year"))
    })
}

pub(super) fn read_hours(node: &Node<'_>) -> Option<Vec<Interval>> {
    let hours: Vec<_> = node.one_or_items().filter_map(|item| parsed(&item, Interval::parse)).collect();
    if let Some((one, other)) = overlapping(&hours) {
        node.error(format!("{one} and {other} overlap; write them as one, or part them"));
    }
    Some(hours)
}

pub(super) fn read(
    name: &str,
    node: &Node<'_>,
    zone: &TimeZone,
    holidays: &Holidays<'_>,
) -> Option<Calendar> {
    let timezone = node.get("timezone").map_or_else(|| Some(zone.clone()), |node| read_zone(&node));
    let weekly = node.get("weekly").map_or_else(Default::default, |node| read_weekly(&node));
    let closed_on = node.get("closed_on").map_or_else(Vec::new, |node| read_closed_on(&node, holidays));
    let overrides = node.get("overrides").map_or_else(Vec::new, |node| read_overrides(&node));
    let calendar =
        Calendar { name: name.to_owned(), timezone: timezone?, weekly, holidays: closed_on, overrides };
    if !calendar.ever_opens() {
        node.error(format!(
            "the calendar `{name}` never opens; write hours, such as weekly: {{ mon-fri: [\"09:00-18:00\"] }}"
        ));
    }
    Some(calendar)
}

fn read_weekly(node: &Node<'_>) -> [Vec<Interval>; 7] {
    let mut weekly: [Vec<Interval>; 7] = Default::default();
    let mut named: [Option<&str>; 7] = [None; 7];
    for (key, value) in node.entries() {
        let days = match Days::parse(key) {
            Ok(days) => days,
            Err(advice) => {
                value.error(advice);
                continue;
            }
        };
        let Some(hours) = read_hours(&value) else { continue };
        for day in days.iter() {
            if let Some(earlier) = named[day].replace(key) {
                value.error(format!("{} stands in `{earlier}` too; keep one of them", Days::name(day)));
            }
            weekly[day].clone_from(&hours);
        }
    }
    for day in 0..7 {
        let tomorrow = (day + 1) % 7;
        let late = weekly[day].iter().filter(|hours| hours.end > Interval::DAY);
        for hours in late {
            let rest = Interval { start: 0, end: hours.end - Interval::DAY };
            if let Some((_, other)) = weekly[tomorrow].iter().find_map(|other| overlapping(&[rest, *other])) {
                let (day, tomorrow) = (Days::name(day), Days::name(tomorrow));
                node.error(format!("{hours} of {day} goes on into {other} of {tomorrow}; part them"));
            }
        }
    }
    weekly
}

fn read_closed_on(node: &Node<'_>, holidays: &Holidays<'_>) -> Vec<Holiday> {
    let mut closed_on = Vec::new();
    for item in node.items() {
        let Some(name) = item.text() else { continue };
        match holidays.lists.get(name) {
            Some(list) => closed_on.extend(list.iter().cloned()),
            None => item.error(unknown("list of holidays", name, &holidays.names)),
        }
    }
    closed_on
}

fn read_overrides(node: &Node<'_>) -> Vec<Override> {
    let mut overrides: Vec<Override> = Vec::new();
    for item in node.items() {
        let Some(dates) = read_dates(&item) else { continue };
        let hours = match (item.get("closed").map(|closed| closed.truth()), item.get("open")) {
            (Some(Some(true)), None) => Some(Vec::new()),
            (None, Some(open)) => read_hours(&open),
            _ => {
                item.error("write either `closed: true` or the hours, such as open: [\"10:00-16:00\"]");
                None
            }
        };
        if let Some(other) = overrides.iter().find(|other| other.dates.meet(&dates)) {
            let name = other.name.as_deref().unwrap_or("an earlier override");
            item.error(format!("`{name}` ({}) has a day in common with this one; part them", other.dates));
        }
        overrides.extend(hours.map(|hours| Override { name: read_name(&item), dates, hours }));
    }
    overrides
}
