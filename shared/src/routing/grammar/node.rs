//! Walking a document: each value with its place, and findings that name the place.

use std::cell::RefCell;

use serde_json::Value;

use super::unknown;
use crate::routing::{Finding, Path, Segment, Severity};

/// All that was found while a document was read.
#[derive(Default)]
pub(in crate::routing) struct Findings(RefCell<Vec<Finding>>);

/// So many errors are noted. A document in the wrong language has one at each value.
const MOST_FINDINGS: usize = 100;

impl Findings {
    pub(in crate::routing) fn into_vec(self) -> Vec<Finding> {
        self.0.into_inner()
    }

    pub(in crate::routing) fn any_error(&self) -> bool {
        self.0.borrow().iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// A value and its place. The place is a chain on the stack: a sound document costs no path.
///
/// What is asked of a node is `None` where the value has another shape: [`super::validate`] has
/// said so already.
#[derive(Clone, Copy)]
pub(in crate::routing) struct Node<'a> {
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
    pub(in crate::routing) fn document(value: &'a Value, findings: &'a Findings) -> Self {
        Self { value, place: Place::Document, findings }
    }

    pub(in crate::routing) fn value(&self) -> &'a Value {
        self.value
    }

    pub(in crate::routing) fn path(&self) -> Path {
        self.place.path()
    }

    /// Notes an error at this place.
    pub(in crate::routing) fn error(&self, message: impl Into<String>) {
        self.error_at(self.path(), message);
    }

    /// Notes an error at a place below this one.
    pub(in crate::routing) fn error_at(&self, path: Path, message: impl Into<String>) {
        if !self.found_enough() {
            let finding = Finding { severity: Severity::Error, path, message: message.into() };
            self.findings.0.borrow_mut().push(finding);
        }
    }

    /// Notes a name that is none of the known ones. To find the one that may have been meant takes time by their number,
    /// so that nothing is looked for once enough was found.
    pub(in crate::routing) fn error_unknown(&self, what: &str, name: &str, known: &[&str]) {
        if !self.found_enough() {
            self.error(unknown(what, name, known));
        }
    }

    /// True if so many errors were noted that no more are.
    pub(in crate::routing) fn found_enough(&self) -> bool {
        self.findings.0.borrow().len() >= MOST_FINDINGS
    }

    /// A text that is not empty.
    pub(in crate::routing) fn text(&self) -> Option<&'a str> {
        self.value.as_str().filter(|text| !text.is_empty())
    }

    /// A whole number from 0.
    pub(in crate::routing) fn whole(&self) -> Option<u64> {
        self.value.as_u64()
    }

    /// A number.
    pub(in crate::routing) fn number(&self) -> Option<f64> {
        self.value.as_f64()
    }

    /// `true` or `false`.
    pub(in crate::routing) fn truth(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// The value of this key, if it is there.
    pub(in crate::routing) fn get(&'a self, key: &'a str) -> Option<Node<'a>> {
        self.value.get(key).map(|value| self.child(key, value))
    }

    /// The items of a list; none of anything else.
    pub(in crate::routing) fn items(&'a self) -> impl Iterator<Item = Node<'a>> {
        let items = self.value.as_array().into_iter().flatten();
        items.enumerate().map(|(position, value)| Node {
            value,
            place: Place::Item(&self.place, position),
            findings: self.findings,
        })
    }

    /// The items of a list, or the one value in its stead.
    pub(in crate::routing) fn one_or_items(&'a self) -> impl Iterator<Item = Node<'a>> {
        let one = if self.value.is_array() { None } else { Some(*self) };
        one.into_iter().chain(self.items())
    }

    /// The entries of a map, in the order of the document; none of anything else.
    pub(in crate::routing) fn entries(&'a self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), self.child(key, value)))
    }

    fn child(&'a self, key: &'a str, value: &'a Value) -> Node<'a> {
        Node { value, place: Place::Key(&self.place, key), findings: self.findings }
    }
}
