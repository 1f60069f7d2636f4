//! Walking a document: each value with its place, and findings that name the place.

use std::cell::{Cell, RefCell};

use serde_json::Value;

use super::{Finding, Path, Segment, Severity};

/// All that was found while a document was read.
#[derive(Default)]
pub(super) struct Findings(RefCell<Vec<Finding>>);

impl Findings {
    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0.into_inner()
    }

    pub(super) fn any_error(&self) -> bool {
        self.0.borrow().iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// A value and its place. The place is a chain on the stack: a sound document costs no path.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    value: &'a Value,
    place: Place<'a>,
    findings: &'a Findings,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Document,
    Key(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn path(&self) -> Path {
        let (mut path, segment) = match self {
            Self::Document => return Path::default(),
            Self::Key(parent, key) => (parent.path(), Segment::Key((*key).to_owned())),
            Self::Item(parent, position) => (parent.path(), Segment::Item(*position)),
        };
        path.0.push(segment);
        path
    }
}

impl<'a> Node<'a> {
    pub(super) fn document(value: &'a Value, findings: &'a Findings) -> Self {
        Self { value, place: Place::Document, findings }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn path(&self) -> Path {
        self.place.path()
    }

    /// Notes an error at this place.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.error_at(self.path(), message);
    }

    /// Notes an error at a place below this one.
    pub(super) fn error_at(&self, path: Path, message: impl Into<String>) {
        let finding = Finding { severity: Severity::Error, path, message: message.into() };
        self.findings.0.borrow_mut().push(finding);
    }

    fn wrong<T>(&self, expected: &str) -> Option<T> {
        self.error(format!("{} is {}; write {expected}", show(self.value), kind(self.value)));
        None
    }

    /// A text that is not empty. `example` says what one looks like here.
    pub(super) fn text(&self, example: &str) -> Option<&'a str> {
        match self.value {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::Number(number) => {
                self.error(format!("{number} is a number; write it in quotes: \"{number}\""));
                None
            }
            _ => self.wrong(&format!("a text such as {example}")),
        }
    }

    /// A whole number from 0.
    pub(super) fn whole(&self, example: &str) -> Option<u64> {
        self.value.as_u64().or_else(|| self.wrong(&format!("a whole number such as {example}")))
    }

    /// A number.
    pub(super) fn number(&self, example: &str) -> Option<f64> {
        self.value.as_f64().or_else(|| self.wrong(&format!("a number such as {example}")))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong("true or false"))
    }

    /// The items of a list.
    pub(super) fn items(&'a self, example: &str) -> Option<impl Iterator<Item = Node<'a>>> {
        let Value::Array(items) = self.value else {
            return self.wrong(&format!("a list such as {example}"));
        };
        Some(items.iter().enumerate().map(|(position, value)| Node {
            value,
            place: Place::Item(&self.place, position),
            findings: self.findings,
        }))
    }

    /// The entries of a map, in the order of the document.
    pub(super) fn entries(&'a self, example: &str) -> Option<impl Iterator<Item = (&'a str, Node<'a>)>> {
        let Value::Object(entries) = self.value else {
            return self.wrong(&format!("a map such as {example}"));
        };
        Some(entries.iter().map(|(key, value)| (key.as_str(), self.child(key, value))))
    }

    fn child(&'a self, key: &'a str, value: &'a Value) -> Node<'a> {
        Node { value, place: Place::Key(&self.place, key), findings: self.findings }
    }

    /// The fields of a map whose keys are known.
    pub(super) fn fields(&'a self, example: &str) -> Option<Fields<'a>> {
        match self.value {
            Value::Object(_) => Some(Fields { node: self, asked: RefCell::default(), taken: Cell::new(0) }),
            _ => self.wrong(&format!("a map such as {example}")),
        }
    }
}

/// A map whose keys are known: those that were asked for. [`Fields::finish`] notes the others.
pub(super) struct Fields<'a> {
    node: &'a Node<'a>,
    asked: RefCell<Vec<&'static str>>,
    taken: Cell<usize>,
}

impl<'a> Fields<'a> {
    /// The value of this key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Node<'a>> {
        self.asked.borrow_mut().push(key);
        let value = self.node.value.get(key)?;
        self.taken.set(self.taken.get() + 1);
        Some(self.node.child(key, value))
    }

    /// The value of this key; its absence is an error. `example` says what to write.
    pub(super) fn require(&self, key: &'static str, example: &str) -> Option<Node<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.node.error(format!("`{key}` is missing; write `{key}: {example}`"));
        }
        value
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self) {
        let Value::Object(entries) = self.node.value else { return };
        if entries.len() == self.taken.get() {
            return;
        }
        let asked = self.asked.into_inner();
        for key in entries.keys().filter(|key| !asked.contains(&key.as_str())) {
            let mut path = self.node.path();
            path.0.push(Segment::Key(key.clone()));
            self.node.error_at(path, unknown("key", key, &asked));
        }
    }
}

/// Says that `name` is none of the known ones, and which of them may have been meant.
pub(super) fn unknown<S: AsRef<str>>(what: &str, name: &str, known: &[S]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known.as_ref()), known.as_ref()))
        .min()
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4);
    match nearest {
        Some((_, nearest)) => format!("`{name}` is no known {what}; did you mean `{nearest}`?"),
        None if known.is_empty() => format!("`{name}` is no known {what}; there is none yet"),
        None => {
            let known: Vec<_> = known.iter().map(|known| format!("`{}`", known.as_ref())).collect();
            format!("`{name}` is no known {what}; this version knows {}", known.join(", "))
        }
    }
}

/// The value as its author knows it, cut where it gets long.
pub(super) fn show(value: &Value) -> String {
    const LONG: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
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
