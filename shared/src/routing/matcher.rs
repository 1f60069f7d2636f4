//! VALUE of the rules' syntax: one value, a list meaning any of them, or a map.

use std::fmt;

use super::node::Node;

/// What a text, or any text of several, is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatcher {
    /// Equal to one of these.
    AnyOf(Vec<String>),
    /// Begins with this.
    Prefix(String),
    /// Whether there is a value at all.
    Exists(bool),
}

/// What a number is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberMatcher {
    /// Equal to one of these.
    AnyOf(Vec<f64>),
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

impl TextMatcher {
    /// Whether any of `values` matches; there may be none.
    pub(super) fn matches<'a>(&self, mut values: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::AnyOf(wanted) => values.any(|value| wanted.iter().any(|wanted| wanted == value)),
            Self::Prefix(prefix) => values.any(|value| value.starts_with(prefix)),
            Self::Exists(wanted) => values.next().is_some() == *wanted,
        }
    }

    pub(super) fn read(node: Node<'_>, example: &str) -> Option<Self> {
        if node.value().is_object() {
            let fields = node.fields("{ prefix: guest- }")?;
            let prefix = fields.get("prefix");
            let exists = fields.get("exists");
            fields.finish();
            return match (prefix, exists) {
                (Some(prefix), None) => Some(Self::Prefix(prefix.text("guest-")?.to_owned())),
                (None, Some(exists)) => Some(Self::Exists(exists.boolean()?)),
                _ => {
                    node.error("write one of `prefix` and `exists`, such as { prefix: guest- }");
                    None
                }
            };
        }
        let one = |node: &Node<'_>| node.text(example).map(str::to_owned);
        any_of(&node, one).map(Self::AnyOf)
    }
}

impl NumberMatcher {
    /// Whether `value` matches; there may be none.
    pub(super) fn matches(&self, value: Option<f64>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => value.is_some() == *wanted,
            (_, None) => false,
            (Self::AnyOf(wanted), Some(value)) => wanted.contains(&value),
            (Self::Between { min, max }, Some(value)) => {
                min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
            }
        }
    }

    pub(super) fn read(node: Node<'_>) -> Option<Self> {
        if !node.value().is_object() {
            return any_of(&node, |node| node.number("2")).map(Self::AnyOf);
        }
        let fields = node.fields("{ min: 2 }")?;
        let (min, max, exists) = (fields.get("min"), fields.get("max"), fields.get("exists"));
        fields.finish();
        match (min, max, exists) {
            (None, None, Some(exists)) => Some(Self::Exists(exists.boolean()?)),
            (None, None, None) | (_, _, Some(_)) => {
                node.error("write `min`, `max` or both, or `exists` alone, such as { min: 2 }");
                None
            }
            (min, max, None) => {
                let bound = |node: Option<Node<'_>>| node.map(|node| node.number("2"));
                let (min, max) = (bound(min), bound(max));
                if let (Some(Some(min)), Some(Some(max))) = (min, max)
                    && min > max
                {
                    node.error(format!(
                        "nothing lies between {min} and {max}; write the smaller one as `min`"
                    ));
                    return None;
                }
                Some(Self::Between { min: min.flatten(), max: max.flatten() })
            }
        }
    }
}

/// One value, or a list of at least one.
pub(super) fn any_of<T>(node: &Node<'_>, one: impl Fn(&Node<'_>) -> Option<T>) -> Option<Vec<T>> {
    if !node.value().is_array() {
        return one(node).map(|value| vec![value]);
    }
    let values: Vec<_> = node.items("[one, another]")?.filter_map(|item| one(&item)).collect();
    if node.value().as_array().is_some_and(Vec::is_empty) {
        node.error("the list is empty, so nothing can match; name at least one value");
        return None;
    }
    Some(values)
}

impl fmt::Display for TextMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(wanted) => list(f, wanted),
            Self::Prefix(prefix) => write!(f, "{{ prefix: {prefix} }}"),
            Self::Exists(wanted) => write!(f, "{{ exists: {wanted} }}"),
        }
    }
}

impl fmt::Display for NumberMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(wanted) => list(f, wanted),
            Self::Between { min: Some(min), max: None } => write!(f, "{{ min: {min} }}"),
            Self::Between { min: None, max: Some(max) } => write!(f, "{{ max: {max} }}"),
            Self::Between { min: Some(min), max: Some(max) } => write!(f, "{{ min: {min}, max: {max} }}"),
            Self::Between { min: None, max: None } => f.write_str("{}"),
            Self::Exists(wanted) => write!(f, "{{ exists: {wanted} }}"),
        }
    }
}

/// `one`, or `[one, another]`.
pub(super) fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, values: &[T]) -> fmt::Result {
    if let [value] = values {
        return value.fmt(f);
    }
    f.write_str("[")?;
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        value.fmt(f)?;
    }
    f.write_str("]")
}
