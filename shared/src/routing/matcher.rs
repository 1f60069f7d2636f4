use std::fmt;

use super::node::{Node, show};

/// What a text is compared with: one value, any of a list, or a map of `prefix` and `exists`.
#[derive(Clone, Debug, PartialEq)]
pub enum TextMatcher {
    /// Equal to one of these.
    AnyOf(Vec<String>),
    /// Begins with this, or exists, or both.
    Like {
        /// What it must begin with.
        prefix: Option<String>,
        /// Whether there must be a value at all.
        exists: Option<bool>,
    },
}

/// What a number is compared with: one value, any of a list, or a map of `min`, `max` and `exists`.
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
        /// Whether there must be a value at all.
        exists: Option<bool>,
    },
}

impl TextMatcher {
    /// Whether any of `values` matches; there may be none.
    pub(super) fn matches<'a>(&self, mut values: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::AnyOf(wanted) => values.any(|value| wanted.iter().any(|wanted| wanted == value)),
            Self::Like { prefix: Some(prefix), exists: Some(false) } => {
                // Lint refuses the pair; nothing both begins with a text and does not exist.
                let _ = prefix;
                false
            }
            Self::Like { prefix: Some(prefix), .. } => values.any(|value| value.starts_with(prefix)),
            Self::Like { prefix: None, exists } => values.next().is_some() == exists.unwrap_or(true),
        }
    }
}
