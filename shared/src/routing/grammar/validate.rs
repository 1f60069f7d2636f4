//! Whether a document has the shape it should have; every place where it does not.

use serde_json::{Map, Value};

use super::{Keys, Node, Range, Record, SHORT, Shape};
use crate::routing::{Segment, matcher::MOST_EXACT};

/// Notes every place in which a value has another shape than it should.
pub(in crate::routing) fn validate(node: &Node<'_>, shape: &Shape) {
    if node.found_enough() {
        return;
    }
    match (shape, node.value()) {
        (Shape::Anything, _) | (Shape::Null, Value::Null) | (Shape::Truth, Value::Bool(_)) => {}
        (Shape::Text { most, .. }, Value::String(text)) if !text.is_empty() => at_most(*most, text, node),
        (Shape::Text { .. } | Shape::Choice(_), value) if is_bare(value) => {
            node.error(format!("{value} is {}; write it in quotes: \"{value}\"", kind(value)));
        }
        (Shape::Choice(choices), Value::String(text)) => {
            if !choices.contains(&text.as_str()) {
                node.error_unknown("value here", text, choices);
            }
        }
        (Shape::Whole { least, example }, Value::Number(number)) => {
            if number.as_u64().is_none_or(|number| number < *least) {
                node.error(format!(
                    "{number} cannot stand here; write a whole number from {least}, such as {example}"
                ));
            }
        }
        (Shape::Number { range, example }, Value::Number(number)) => {
            if number.as_f64().is_some_and(|number| number.abs() > MOST_EXACT) {
                node.error(format!(
                    "{number} is too large to be compared as a number; write at most {MOST_EXACT}, or an id in quotes"
                ));
            } else if !number.as_f64().is_some_and(|number| range.holds(number)) {
                node.error(format!(
                    "{number} cannot stand here; write {}, such as {example}",
                    range.describe()
                ));
            }
        }
        (Shape::List { of, least, example }, Value::Array(items)) => {
            if items.len() < *least {
                node.error(format!("the list is empty; write at least one, such as {example}"));
            }
            node.items().for_each(|item| validate(&item, of));
        }
        (Shape::Names { of, least, example }, Value::Object(entries)) => {
            if entries.len() < *least {
                node.error(format!("the map is empty; write at least one, such as {example}"));
            }
            if entries.contains_key("") {
                node.error(format!("a name is empty; give it one, such as {example}"));
            }
            node.entries().for_each(|(name, value)| {
                at_most(SHORT, name, &value);
                validate(&value, of);
            });
        }
        (Shape::Record(record), Value::Object(entries)) => validate_record(node, record, entries),
        (Shape::Either(shapes), value) => {
            let meant = shapes.iter().find(|shape| shape.takes(value));
            // A number where a text belongs lacks its quotes.
            let quotes = || shapes.iter().find(|shape| matches!(shape, Shape::Text { .. }) && is_bare(value));
            match meant.or_else(quotes) {
                Some(shape) => validate(node, shape),
                None => wrong(node, shape),
            }
        }
        _ => wrong(node, shape),
    }
}

/// Notes a text of more characters than it may have.
pub(in crate::routing) fn at_most(most: usize, text: &str, node: &Node<'_>) {
    // Bytes are counted at once, characters one by one.
    if text.len() > most && text.chars().count() > most {
        let count = text.chars().count();
        node.error(format!("`{}` has {count} characters; write at most {most}", cut(text)));
    }
}

fn validate_record(node: &Node<'_>, record: &Record, entries: &Map<String, Value>) {
    let mut known = 0;
    for (key, value) in node.entries() {
        match record.fields.iter().find(|field| field.key == key) {
            Some(field) => {
                known += 1;
                validate(&value, field.shape);
            }
            None => {
                let keys: Vec<_> = record.fields.iter().map(|field| field.key).collect();
                let mut path = node.path();
                path.0.push(Segment::Key(key.to_owned()));
                node.error_at(path, unknown(record.key, key, &keys));
            }
        }
    }
    for field in record.fields {
        if let Some(example) = field.required
            && !entries.contains_key(field.key)
        {
            node.error(format!("`{}` is missing; write `{}: {example}`", field.key, field.key));
        }
    }
    match record.keys {
        Keys::ExactlyOne | Keys::AtLeastOne if entries.is_empty() => {
            node.error(format!("the map is empty; write something like {}", record.example));
        }
        Keys::ExactlyOne if known > 1 => {
            node.error(format!(
                "these keys exclude each other; write one of them, such as {}",
                record.example
            ));
        }
        _ => {}
    }
}

fn wrong(node: &Node<'_>, shape: &Shape) {
    let value = node.value();
    node.error(format!("{} is {}; write {}", show(value), kind(value), shape.describe()));
}

/// Whether a value may have been meant as a text.
fn is_bare(value: &Value) -> bool {
    value.is_number() || value.is_boolean()
}

impl Shape {
    /// Whether a value of this kind is meant for this shape.
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Truth => value.is_boolean(),
            Self::Text { .. } | Self::Choice(_) => value.is_string(),
            Self::Whole { .. } | Self::Number { .. } => value.is_number(),
            Self::List { .. } => value.is_array(),
            Self::Names { .. } | Self::Record(_) => value.is_object(),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.takes(value)),
            Self::Anything => true,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Truth => "true or false".into(),
            Self::Text { example, .. } => format!("a text such as {example}"),
            Self::Choice(choices) => choices.join(" or "),
            Self::Whole { example, .. } => format!("a whole number such as {example}"),
            Self::Number { example, .. } => format!("a number such as {example}"),
            Self::List { example, .. } => format!("a list such as {example}"),
            Self::Names { example, .. } => format!("a map such as {example}"),
            Self::Record(record) => format!("a map such as {}", record.example),
            Self::Either(shapes) => {
                shapes.iter().map(|shape| shape.describe()).collect::<Vec<_>>().join(", or ")
            }
            Self::Anything => "anything".into(),
        }
    }
}

impl Range {
    fn holds(self, number: f64) -> bool {
        match self {
            Self::All => true,
            Self::Positive => number > 0.0,
            Self::Percentage => number > 0.0 && number <= 100.0,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::All => "a number",
            Self::Positive => "a number above 0",
            Self::Percentage => "a number above 0 and up to 100",
        }
    }
}

/// Says that `name` is none of the known ones, and which of them may have been meant.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    // The distance takes time by the product of both lengths, and nobody mistypes that much.
    const LONG: usize = 100;
    let candidates = known.iter().copied().filter(|_| name.len() <= LONG);
    let nearest = candidates.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    match nearest.filter(|(distance, known)| *distance <= 1 + known.len() / 4) {
        Some((_, nearest)) => format!("`{}` is no known {what}; did you mean `{nearest}`?", cut(name)),
        None if known.is_empty() => format!("`{}` is no known {what}; there is none yet", cut(name)),
        None => {
            let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("`{}` is no known {what}; this version knows {}", cut(name), known.join(", "))
        }
    }
}

fn show(value: &Value) -> String {
    format!("`{}`", cut(&value.to_string()))
}

/// What an author wrote, cut where it gets long.
fn cut(text: &str) -> String {
    const LONG: usize = 40;
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty text",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
