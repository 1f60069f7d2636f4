//! VALUE of the rules' syntax: one value, a list meaning any of them, or a map.

use std::{cmp::Ordering, collections::HashSet, fmt};

use serde_json::Value;

use super::Why;

/// The largest integer up to which every integer has its own floating-point number.
pub(super) const MOST_EXACT: f64 = 9_007_199_254_740_991.0;
/// The number of values of one list that a condition compares one by one. Of a list that users write, no more are
/// looked at. A longer list that the business writes is looked up in [`Many`].
pub(super) const MOST_VALUES: usize = 10;
/// A longer string in a ruleset is not a number.
const MOST_DIGITS: usize = 40;
/// A longer string of a user is not a number.
const MOST_USER_DIGITS: usize = 20;

/// What a value, or any of several, is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// Equal to one of these, as they are spelt; numbers by what they are worth.
    AnyOf(Wanted),
    /// Begins with this.
    Prefix(String),
    /// Within these bounds, both included.
    Between {
        /// The least that matches.
        min: Option<f64>,
        /// The most that matches.
        max: Option<f64>,
    },
    /// Whether there is a value at all.
    Exists(bool),
}

/// The values of a list, in the order of the document. Kept small: a decision goes through those of
/// all rules, and what does not fit into the processor's cache costs most.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    listed: Box<[Want]>,
    /// Only where there are numbers, or so many values that looking at each would take longer.
    sorted: Option<Box<Sorted>>,
}

/// The values of a list, so that one is found quickly, and no string is read as a number again.
#[derive(Clone, Debug, PartialEq)]
struct Sorted {
    /// The positions of the texts, by spelling.
    texts: Box<[u32]>,
    /// The numbers, also those of texts, from the smallest.
    numbers: Box<[Exact]>,
    /// The numbers that are not texts, from the smallest.
    bare: Box<[Exact]>,
    /// True if `false` and `true` are in the list.
    truths: [bool; 2],
}

/// One value of a list.
#[derive(Clone, Debug, PartialEq)]
enum Want {
    Text(String),
    Number(f64),
    Truth(bool),
}

/// A value that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(&'a str),
    /// An integer.
    Integer(i128),
    /// Another number. Beyond 2^53 - 1 it is one of several that look alike.
    Number(f64),
    /// `true` or `false`.
    Truth(bool),
    /// Something that is there and compares with nothing.
    Other,
}

impl Matcher {
    /// Whether any of `values` matches; there may be none.
    #[inline]
    pub fn matches<'a>(&self, values: impl IntoIterator<Item = Scalar<'a>>) -> bool {
        let mut values = values.into_iter();
        match self {
            Self::AnyOf(wanted) => values.any(|value| wanted.holds(value)),
            Self::Prefix(prefix) => {
                values.any(|value| matches!(value, Scalar::Text(text) if text.starts_with(prefix)))
            }
            Self::Between { min, max } => values
                .filter_map(Scalar::number)
                .any(|value| min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)),
            Self::Exists(wanted) => values.next().is_some() == *wanted,
        }
    }

    /// The texts that values are compared with.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let (listed, prefix) = match self {
            Self::AnyOf(wanted) => (&*wanted.listed, None),
            Self::Prefix(prefix) => (Default::default(), Some(prefix.as_str())),
            Self::Between { .. } | Self::Exists(_) => (Default::default(), None),
        };
        listed.iter().filter_map(Want::text).chain(prefix)
    }

    /// True if a JSON value matches, or any value of a list.
    ///
    /// # Errors
    /// The reason why nobody can say. Only the first values of a list are looked at, because users may write it.
    pub(super) fn matches_json(&self, value: Option<&Value>) -> Result<bool, Why> {
        let values = match value {
            None => &[],
            Some(Value::Array(values)) => values.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let (first, rest) = values.split_at(values.len().min(MOST_VALUES));
        let scalars = || first.iter().filter_map(Scalar::of);
        let matches = self.matches(scalars());
        // One value settles whether there is any.
        if matches != matches!(self, Self::Exists(false)) {
            Ok(matches)
        } else if !rest.is_empty() {
            Err(Why::TooMany)
        } else if scalars().any(|value| self.doubts(value)) {
            Err(Why::NotExact)
        } else {
            Ok(matches)
        }
    }

    /// True if any of many values matches.
    ///
    /// # Errors
    /// The reason why nobody can say.
    pub(super) fn matches_many(&self, many: &Many<'_>) -> Result<bool, Why> {
        match self {
            Self::AnyOf(wanted) => wanted.is_among(many),
            Self::Prefix(prefix) => {
                let first = many.sorted.partition_point(|text| *text < prefix.as_str());
                Ok(many.sorted.get(first).is_some_and(|text| text.starts_with(prefix)))
            }
            Self::Between { min, max } => {
                let first = min.map_or(0, |min| many.worth.partition_point(|number| *number < min));
                Ok(many.worth.get(first).is_some_and(|number| max.is_none_or(|max| *number <= max)))
            }
            Self::Exists(wanted) => Ok(many.any == *wanted),
        }
    }

    /// True if the value may be one that matches, but is not known exactly enough.
    fn doubts(&self, value: Scalar<'_>) -> bool {
        let (Self::AnyOf(wanted), Scalar::Number(number)) = (self, value) else { return false };
        number.abs() > MOST_EXACT && wanted.looks_like(number)
    }

    /// Whether all that this matches is matched by `other`. May say no where it should say yes.
    pub(super) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AnyOf(few), Self::AnyOf(many)) => few.listed.iter().all(|wanted| many.lists(wanted)),
            (Self::AnyOf(few), Self::Prefix(prefix)) => few.listed.iter().all(|wanted| match wanted {
                // What may stand for a number or a truth value may have been one, and that begins
                // with nothing.
                Want::Text(text) if number_of(text).is_some() => false,
                Want::Text(text) if text == "true" || text == "false" => false,
                Want::Text(text) => text.starts_with(prefix),
                Want::Number(_) | Want::Truth(_) => false,
            }),
            (Self::AnyOf(few), Self::Between { .. }) => few.listed.iter().all(|wanted| match wanted {
                Want::Number(number) => other.matches([Scalar::Number(*number)]),
                Want::Text(text) => other.matches([Scalar::Text(text)]),
                Want::Truth(_) => false,
            }),
            (Self::Prefix(long), Self::Prefix(short)) => long.starts_with(short),
            (Self::Between { min, max }, Self::Between { min: other_min, max: other_max }) => {
                let above = other_min.is_none_or(|other| min.is_some_and(|min| min >= other));
                let below = other_max.is_none_or(|other| max.is_some_and(|max| max <= other));
                above && below
            }
            (Self::Exists(false), other) => *other == Self::Exists(false),
            (_, Self::Exists(wanted)) => *wanted,
            _ => false,
        }
    }
}

impl Wanted {
    #[inline]
    fn holds(&self, value: Scalar<'_>) -> bool {
        match (&self.sorted, value) {
            // By far the most common comparison of all.
            (None, Scalar::Text(text)) => self.spellings().any(|wanted| same(wanted, text)),
            (None, Scalar::Truth(truth)) => self.spellings().any(|wanted| wanted == spelt(truth)),
            // Where there is a number, the list is sorted.
            (None, Scalar::Integer(_) | Scalar::Number(_) | Scalar::Other) => false,
            (Some(sorted), value) => sorted.hold(&self.listed, value),
        }
    }

    fn spellings(&self) -> impl Iterator<Item = &str> {
        self.listed.iter().filter_map(Want::spelling)
    }

    /// True if this is a value of the list.
    fn lists(&self, wanted: &Want) -> bool {
        match (&self.sorted, wanted.text()) {
            (Some(sorted), Some(text)) => sorted.spell(&self.listed, text),
            _ => self.listed.contains(wanted),
        }
    }

    /// True if a number of the list, as near as a floating-point number gets, is this one.
    fn looks_like(&self, number: f64) -> bool {
        let Some(sorted) = &self.sorted else { return false };
        let first = sorted.numbers.partition_point(|wanted| wanted.nearest() < number);
        sorted.numbers.get(first).is_some_and(|wanted| wanted.nearest() == number)
    }

    /// True if a value of the list is one of many. Each is looked up, so that this takes as long as the list is.
    fn is_among(&self, many: &Many<'_>) -> Result<bool, Why> {
        let (numbers, bare) =
            self.sorted.as_ref().map_or(Default::default(), |sorted| (&*sorted.numbers, &*sorted.bare));
        let among = |numbers: &[Exact], of: &[Exact]| {
            numbers.iter().any(|number| of.binary_search_by(|other| other.order(number)).is_ok())
        };
        let spelt = || self.spellings().any(|wanted| many.spelt.contains(wanted));
        if spelt() || among(numbers, &many.numbers) || among(bare, &many.read) {
            return Ok(true);
        }
        let looks_alike = |wanted: &Exact| {
            many.inexact.binary_search_by(|number| number.total_cmp(&wanted.nearest())).is_ok()
        };
        if numbers.iter().any(looks_alike) { Err(Why::NotExact) } else { Ok(false) }
    }
}

/// The values of a long list that the business wrote, so that each condition finds its own quickly.
#[derive(Debug, Default)]
pub(super) struct Many<'a> {
    /// The strings, sorted.
    sorted: Vec<&'a str>,
    /// The strings, and the spellings of `true` and `false`.
    spelt: HashSet<&'a str>,
    /// The numbers, sorted.
    numbers: Vec<Exact>,
    /// The numbers that strings read as, sorted.
    read: Vec<Exact>,
    /// The numbers of both kinds as bounds compare them, sorted.
    worth: Vec<f64>,
    /// The numbers that are not known exactly.
    inexact: Vec<f64>,
    /// True if there is any value.
    any: bool,
}

impl<'a> Many<'a> {
    /// The strings of a list.
    pub(super) fn texts(texts: &'a [String]) -> Self {
        Self::new(texts.iter().map(|text| Scalar::Text(text)))
    }

    /// The values of a JSON list.
    pub(super) fn json(values: &'a [Value]) -> Self {
        Self::new(values.iter().filter_map(Scalar::of))
    }

    fn new(values: impl Iterator<Item = Scalar<'a>>) -> Self {
        let mut many = Self::default();
        for value in values {
            many.any = true;
            many.worth.extend(value.number());
            many.numbers.extend(value.exact());
            match value {
                Scalar::Text(text) => {
                    many.sorted.push(text);
                    many.spelt.insert(text);
                    many.read.extend(user_number(text).and_then(Exact::read));
                }
                Scalar::Truth(truth) => {
                    many.spelt.insert(spelt(truth));
                }
                Scalar::Number(number) if number.abs() > MOST_EXACT => many.inexact.push(number),
                Scalar::Integer(_) | Scalar::Number(_) | Scalar::Other => {}
            }
        }
        many.sorted.sort_unstable();
        many.numbers.sort_unstable_by(Exact::order);
        many.read.sort_unstable_by(Exact::order);
        many.worth.sort_unstable_by(f64::total_cmp);
        many.inexact.sort_unstable_by(f64::total_cmp);
        many.inexact.dedup();
        many
    }
}

impl Sorted {
    fn new(listed: &[Want]) -> Self {
        let mut texts: Box<[u32]> =
            (0..listed.len() as u32).filter(|position| listed[*position as usize].text().is_some()).collect();
        texts.sort_unstable_by_key(|position| listed[*position as usize].text());
        let sorted = |mut numbers: Box<[Exact]>| {
            numbers.sort_unstable_by(Exact::order);
            numbers
        };
        Self {
            texts,
            numbers: sorted(listed.iter().filter_map(Want::exact).collect()),
            bare: sorted(
                listed.iter().filter(|want| want.text().is_none()).filter_map(Want::exact).collect(),
            ),
            truths: [false, true].map(|truth| listed.contains(&Want::Truth(truth))),
        }
    }

    fn spell(&self, listed: &[Want], text: &str) -> bool {
        let wanted = |position: &u32| listed[*position as usize].text();
        self.texts.binary_search_by(|position| wanted(position).cmp(&Some(text))).is_ok()
    }

    #[inline]
    fn hold(&self, listed: &[Want], value: Scalar<'_>) -> bool {
        let among = |numbers: &[Exact], number: Option<Exact>| {
            let found = number.map(|number| numbers.binary_search_by(|wanted| wanted.order(&number)));
            found.is_some_and(|found| found.is_ok())
        };
        match value {
            Scalar::Text(text) => {
                let truth =
                    [false, true].into_iter().any(|is| self.truths[usize::from(is)] && text == spelt(is));
                self.spell(listed, text)
                    || truth
                    || (!self.bare.is_empty() && among(&self.bare, user_number(text).and_then(Exact::read)))
            }
            Scalar::Integer(_) | Scalar::Number(_) => among(&self.numbers, value.exact()),
            Scalar::Truth(truth) => self.truths[usize::from(truth)] || self.spell(listed, spelt(truth)),
            Scalar::Other => false,
        }
    }
}

fn spelt(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

/// Whether these are one text. Most that are equally long and differ, such as ids, differ in the last byte:
/// that is seen without calling anybody.
#[inline]
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.as_bytes().last() == other.as_bytes().last() && one == other
}

impl Want {
    /// The number that this is, or reads as.
    fn exact(&self) -> Option<Exact> {
        match self {
            Self::Text(text) => Exact::read(text),
            Self::Number(number) => Exact::of(*number),
            Self::Truth(_) => None,
        }
    }

    /// The string that is equal to this. Numbers have many.
    fn spelling(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Truth(truth) => Some(spelt(*truth)),
            Self::Number(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Truth(_) => None,
        }
    }

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Bool(truth) => Some(Self::Truth(truth)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&written(&Value::String(text.clone()))),
            Self::Number(number) => number.fmt(f),
            Self::Truth(truth) => truth.fmt(f),
        }
    }
}

impl FromIterator<Value> for Wanted {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        const FEW: usize = 8;
        let listed: Box<[Want]> = values.into_iter().filter_map(Want::read).collect();
        let sorts = listed.len() > FEW || listed.iter().any(|wanted| wanted.exact().is_some());
        let sorted = sorts.then(|| Box::new(Sorted::new(&listed)));
        Self { listed, sorted }
    }
}

impl<'a> Scalar<'a> {
    /// What can be compared of a JSON value.
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) => match number.as_i128() {
                Some(integer) => Some(Self::Integer(integer)),
                None => number.as_f64().map(Self::Number),
            },
            Value::Bool(truth) => Some(Self::Truth(*truth)),
            Value::Array(_) | Value::Object(_) => Some(Self::Other),
            Value::Null => None,
        }
    }

    /// The number that this is, or reads as; the nearest one, beyond [`MOST_EXACT`].
    #[inline]
    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Integer(integer) => Some(integer as f64),
            Self::Text(text) => number_of(user_number(text)?),
            Self::Truth(_) | Self::Other => None,
        }
    }

    /// The number that this is, if it is one and known exactly.
    fn exact(self) -> Option<Exact> {
        match self {
            Self::Number(number) => Exact::of(number),
            Self::Integer(integer) => Some(Exact::Integer(integer)),
            Self::Text(_) | Self::Truth(_) | Self::Other => None,
        }
    }
}

/// A number that is equal to no other one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Exact {
    /// Such as 17 or 17.0.
    Integer(i128),
    /// Such as 17.5.
    Fraction(f64),
}

impl Exact {
    /// `None` beyond [`MOST_EXACT`].
    fn of(number: f64) -> Option<Self> {
        if number.abs() > MOST_EXACT {
            return None;
        }
        let integer = number.fract() == 0.0;
        Some(if integer { Self::Integer(number as i128) } else { Self::Fraction(number) })
    }

    /// The number that a text reads as.
    fn read(text: &str) -> Option<Self> {
        // Most texts are seen not to be one by their first character.
        let number = |first: char| first.is_ascii_digit() || "+-. \t\n".contains(first);
        if text.len() > MOST_DIGITS || !text.starts_with(number) {
            return None;
        }
        let integer = text.trim().parse().ok().map(Self::Integer);
        integer.or_else(|| Self::of(number_of(text)?))
    }

    fn nearest(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Fraction(number) => number,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            // A fraction is less than MOST_EXACT, and next to it each integer is exact as well.
            _ => self.nearest().total_cmp(&other.nearest()),
        }
    }
}

/// A string of a user that is short enough to be a number.
fn user_number(text: &str) -> Option<&str> {
    (text.len() <= MOST_USER_DIGITS).then_some(text)
}

fn number_of(text: &str) -> Option<f64> {
    if text.len() > MOST_DIGITS {
        return None;
    }
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(wanted) => list(f, wanted.listed.iter()),
            Self::Prefix(prefix) => write!(f, "{{ prefix: {prefix} }}"),
            Self::Between { min: Some(min), max: None } => write!(f, "{{ min: {min} }}"),
            Self::Between { min: None, max: Some(max) } => write!(f, "{{ max: {max} }}"),
            Self::Between { min: Some(min), max: Some(max) } => write!(f, "{{ min: {min}, max: {max} }}"),
            Self::Between { min: None, max: None } => f.write_str("{}"),
            Self::Exists(wanted) => write!(f, "{{ exists: {wanted} }}"),
        }
    }
}

/// A value as its author may have written it, on one line; in quotes what would read as another one.
pub(super) fn written(value: &Value) -> String {
    let bare =
        |text: &str| !["", "true", "false", "null", "~"].contains(&text) && text.parse::<f64>().is_err();
    match value {
        Value::Object(entries) if entries.is_empty() => "{}".into(),
        Value::Object(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key}: {}", written(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::String(text) if bare(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `one`, or `[one, another]`, or the first few of many.
pub(super) fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    values: impl ExactSizeIterator<Item = T>,
) -> fmt::Result {
    const SHOWN: usize = 5;
    let count = values.len();
    if count != 1 {
        f.write_str("[")?;
    }
    for (position, value) in values.take(SHOWN).enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        value.fmt(f)?;
    }
    if count > SHOWN {
        write!(f, ", … {} more", count - SHOWN)?;
    }
    f.write_str(if count == 1 { "" } else { "]" })
}
