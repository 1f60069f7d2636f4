//! Holidays and calendars.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::tz::TimeZone;

use super::{parsed, read_zone};
use crate::routing::{
    Calendar, Dates, Days, Holiday, Interval, Override,
    calendar::{Written, overlapping},
    grammar::Node,
};

/// The lists of holidays: what stands in each, and which others it includes.
pub(super) struct Holidays<'a> {
    names: Vec<&'a str>,
    lists: HashMap<&'a str, List<'a>>,
    /// How many dates all calendars together have taken.
    taken: Cell<usize>,
}

/// More dates than all calendars of a company are closed on together. Calendars times lists times
/// dates: a short document could ask for more than fits into memory.
const MOST_DATES: usize = 100_000;

#[derive(Default)]
struct List<'a> {
    holidays: Vec<Arc<Holiday>>,
    includes: Vec<&'a str>,
}

impl<'a> Holidays<'a> {
    pub(super) fn read(node: Option<&'a Node<'a>>) -> Self {
        let entries = || node.into_iter().flat_map(|node| node.entries());
        let names: Vec<_> = entries().map(|(name, _)| name).collect();
        let lists = entries().map(|(name, node)| (name, read_list(name, &node, &names))).collect();
        let holidays = Self { names, lists, taken: Cell::new(0) };
        if let Some((node, circle)) = holidays.circle().and_then(|name| Some((node?.get(name)?, name))) {
            node.error(format!(
                "`{circle}` includes itself, through the lists that it includes; remove one of them"
            ));
        }
        holidays
    }

    /// A list that includes itself, be it through others.
    fn circle(&self) -> Option<&'a str> {
        // Lists that include nothing that is left are taken away, until none is left or all go round.
        let mut left: HashMap<&str, usize> =
            self.lists.iter().map(|(name, list)| (*name, list.includes.len())).collect();
        let mut including: HashMap<&str, Vec<&str>> = HashMap::new();
        for (name, list) in &self.lists {
            list.includes.iter().for_each(|include| including.entry(include).or_default().push(name));
        }
        let mut done: Vec<&str> =
            left.iter().filter(|(_, open)| **open == 0).map(|(name, _)| *name).collect();
        while let Some(list) = done.pop() {
            left.remove(list);
            for name in including.get(list).into_iter().flatten() {
                if let Some(open) = left.get_mut(name) {
                    *open -= 1;
                    if *open == 0 {
                        done.push(name);
                    }
                }
            }
        }
        // What is left goes round itself, or includes something that does.
        let goes_round = |name: &&&str| {
            self.lists[**name].includes.iter().any(|include| self.reached(include).contains(*name))
        };
        self.names.iter().filter(|name| left.contains_key(**name)).find(goes_round).copied()
    }

    /// A list and all that it includes, each once however often it is included.
    fn reached(&self, name: &'a str) -> Vec<&'a str> {
        let (mut reached, mut known) = (vec![name], HashSet::from([name]));
        let mut next = 0;
        while let Some(list) = reached.get(next).and_then(|name| self.lists.get(name)) {
            reached.extend(list.includes.iter().copied().filter(|include| known.insert(include)));
            next += 1;
        }
        reached
    }

    /// The holidays of the list that an item names, and of all that it includes.
    fn of(&self, item: &Node<'_>) -> Vec<Arc<Holiday>> {
        let Some(name) = item.text() else { return Vec::new() };
        let Some((name, _)) = self.lists.get_key_value(name) else {
            item.error_unknown("list of holidays", name, &self.names);
            return Vec::new();
        };
        let room = MOST_DATES - self.taken.get();
        let lists = self.reached(name);
        let holidays: Vec<_> =
            lists.into_iter().flat_map(|list| &self.lists[list].holidays).take(room + 1).cloned().collect();
        if holidays.len() > room {
            item.error(format!(
                "the calendars are closed on more than {MOST_DATES} dates together; shorten the lists"
            ));
            return Vec::new();
        }
        self.taken.set(self.taken.get() + holidays.len());
        holidays
    }
}

fn read_list<'a>(name: &str, node: &Node<'_>, names: &[&'a str]) -> List<'a> {
    let mut list = List::default();
    for item in node.items() {
        let Some(include) = item.get("include") else {
            let dates = read_dates(&item);
            let holiday = |dates| Arc::new(Holiday { list: name.to_owned(), name: read_name(&item), dates });
            list.holidays.extend(dates.map(holiday));
            continue;
        };
        if ["name", "date", "from", "to"].iter().any(|key| item.get(key).is_some()) {
            item.error("`include` stands alone; write the date as an item of its own");
        }
        let Some(wanted) = include.text() else { continue };
        match names.iter().find(|known| **known == wanted) {
            Some(known) => list.includes.push(known),
            None => include.error_unknown("list of holidays", wanted, names),
        }
    }
    list
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
    let closed_on = node.get("closed_on");
    let closed_on =
        closed_on.iter().flat_map(|node| node.items()).flat_map(|item| holidays.of(&item)).collect();
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

fn read_overrides(node: &Node<'_>) -> Vec<Override> {
    let mut overrides: Vec<Override> = Vec::new();
    let mut items = Vec::new();
    let nodes: Vec<_> = node.items().collect();
    for item in &nodes {
        let Some(dates) = read_dates(item) else { continue };
        let hours = match (item.get("closed").map(|closed| closed.truth()), item.get("open")) {
            (Some(Some(true)), None) => Some(Vec::new()),
            (None, Some(open)) => read_hours(&open),
            _ => {
                item.error("write either `closed: true` or the hours, such as open: [\"10:00-16:00\"]");
                None
            }
        };
        if let Some(hours) = hours {
            overrides.push(Override { name: read_name(item), dates, hours });
            items.push(item);
        }
    }
    let dates: Vec<_> = overrides.iter().map(|day| day.dates).collect();
    for (one, other) in Dates::meeting(&dates) {
        let (earlier, later) = (&overrides[one.min(other)], items[one.max(other)]);
        let name = earlier.name.as_deref().unwrap_or("an earlier override");
        later.error(format!("`{name}` ({}) has a day in common with this one; part them", earlier.dates));
    }
    overrides
}
