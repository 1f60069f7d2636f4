//! VALUE of the rules' syntax: one value, a list meaning any of them, or a map.

use std::fmt;

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
    listed: Box<[String]>,
    /// Positions in `listed` by spelling; only for so many that looking at each would take longer.
    sorted: Option<Box<[u32]>>,
    numbers: Box<[f64]>,
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
            (Self::AnyOf(few), Self::AnyOf(many)) => few.listed.iter().all(|text| many.spelt(text)),
            (Self::AnyOf(few), Self::Prefix(prefix)) => few.listed.iter().all(|text| {
                // What may have been no text does not begin with anything.
                let text_alone = Scalar::Text(text).number().is_none() && text != "true" && text != "false";
                text_alone && text.starts_with(prefix)
            }),
            (Self::AnyOf(few), Self::Between { .. }) => {
                few.numbers.len() == few.listed.len()
                    && few.numbers.iter().all(|number| other.matches([Scalar::Number(*number)]))
            }
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
            Scalar::Text(text) => self.spelt(text),
            Scalar::Truth(truth) => self.spelt(if truth { "true" } else { "false" }),
            Scalar::Number(number) => self.numbers.contains(&number),
        }
    }

    #[inline]
    fn spelt(&self, text: &str) -> bool {
        match &self.sorted {
            None => self.listed.iter().any(|wanted| wanted == text),
            Some(sorted) => {
                let spelling = |position: &u32| self.listed[*position as usize].as_str().cmp(text);
                sorted.binary_search_by(spelling).is_ok()
            }
        }
    }
}

impl FromIterator<String> for Wanted {
    fn from_iter<I: IntoIterator<Item = String>>(spellings: I) -> Self {
        const FEW: usize = 8;
        let listed: Box<[String]> = spellings.into_iter().collect();
        let numbers = listed.iter().filter_map(|text| Scalar::Text(text).number()).collect();
        let sorted = (listed.len() > FEW).then(|| {
            let mut sorted: Box<[u32]> = (0..listed.len() as u32).collect();
            sorted.sort_unstable_by(|a, b| listed[*a as usize].cmp(&listed[*b as usize]));
            sorted
        });
        Self { listed, sorted, numbers }
    }
}

impl Scalar<'_> {
    /// The number that this is, or reads as.
    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Truth(_) => None,
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
