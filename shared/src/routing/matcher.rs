//! VALUE of the rules' syntax: one value, a list meaning any of them, or a map.

use std::fmt;

use serde_json::Value;

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
    /// Positions in `listed` by spelling; only where all are texts, and so many that looking at each
    /// would take longer.
    sorted: Option<Box<[u32]>>,
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
    /// A number.
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

    /// Whether all that this matches is matched by `other`. May say no where it should say yes.
    pub(super) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AnyOf(few), Self::AnyOf(many)) => {
                few.listed.iter().all(|wanted| many.listed.contains(wanted))
            }
            (Self::AnyOf(few), Self::Prefix(prefix)) => few.listed.iter().all(|wanted| match wanted {
                // What may stand for a number or a truth value may have been one, and that begins
                // with nothing.
                Want::Text(text) if Scalar::Text(text).number().is_some() => false,
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
        match value {
            Scalar::Text(text) => self.holds_text(text),
            other => self.listed.iter().any(|wanted| wanted.is(other)),
        }
    }

    #[inline]
    fn holds_text(&self, text: &str) -> bool {
        match &self.sorted {
            // By far the most common comparison of all.
            None => self.listed.iter().any(|wanted| match wanted {
                Want::Text(wanted) => same(wanted, text),
                other => other.is(Scalar::Text(text)),
            }),
            Some(sorted) => {
                let spelling = |position: &u32| self.listed[*position as usize].text().cmp(&Some(text));
                sorted.binary_search_by(spelling).is_ok()
            }
        }
    }
}

/// Whether these are one text. Most that are equally long and differ, such as ids, differ in the last byte:
/// that is seen without calling anybody.
#[inline]
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.as_bytes().last() == other.as_bytes().last() && one == other
}

impl Want {
    /// A text is the same text, a number the same number, also where either is written as a text.
    fn is(&self, value: Scalar<'_>) -> bool {
        let spelt = |truth: bool| if truth { "true" } else { "false" };
        match (self, value) {
            (Self::Text(wanted), Scalar::Text(text)) => wanted == text,
            (Self::Text(wanted), Scalar::Number(number)) => Scalar::Text(wanted).number() == Some(number),
            (Self::Text(wanted), Scalar::Truth(truth)) => wanted == spelt(truth),
            (Self::Number(wanted), value) => value.number() == Some(*wanted),
            (Self::Truth(wanted), Scalar::Truth(truth)) => *wanted == truth,
            (Self::Truth(wanted), Scalar::Text(text)) => text == spelt(*wanted),
            _ => false,
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
        let all_texts = listed.iter().all(|wanted| wanted.text().is_some());
        let sorted = (listed.len() > FEW && all_texts).then(|| {
            let mut sorted: Box<[u32]> = (0..listed.len() as u32).collect();
            sorted.sort_unstable_by_key(|position| listed[*position as usize].text());
            sorted
        });
        Self { listed, sorted }
    }
}

impl Scalar<'_> {
    /// The number that this is, or reads as.
    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Truth(_) | Self::Other => None,
        }
    }
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
