//! The grammar of documents, as data: one table of keys is what reading checks against, what
//! "did you mean" proposes, and what the JSON Schema is made of.

mod node;
mod schema;
mod syntax;
mod validate;

pub(super) use node::{Findings, Node};
pub use schema::json_schema;
pub(super) use syntax::{FACTS, RULESET};
use validate::unknown;
pub(super) use validate::{at_most, validate};

/// The most characters of a name, a keyword or an agent's id.
pub(super) const SHORT: usize = 100;
/// The most characters of any other text.
const LONG: usize = 1_000;
/// The most characters of a message in a test.
const MESSAGE: usize = 64 * 1024;

/// What a value may be.
pub(super) enum Shape {
    /// Known to be empty.
    Null,
    /// `true` or `false`.
    Truth,
    /// A text that is not empty, of at most so many characters.
    Text { example: &'static str, most: usize },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A whole number of at least this much.
    Whole { least: u64, example: &'static str },
    /// A number that is known exactly.
    Number { range: Range, example: &'static str },
    /// At least so many values of a shape.
    List { of: &'static Shape, least: usize, example: &'static str },
    /// A map of at least so many names that its author chooses.
    Names { of: &'static Shape, least: usize, example: &'static str },
    /// A map whose keys are known.
    Record(&'static Record),
    /// One of several shapes, told apart by the kind of value.
    Either(&'static [&'static Shape]),
    /// Whatever JSON can say.
    Anything,
}

/// Which numbers are meant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Range {
    All,
    /// Above 0.
    Positive,
    /// Above 0 and up to 100.
    Percentage,
}

/// A map whose keys are known.
pub(super) struct Record {
    /// Its name in the schema.
    pub name: &'static str,
    /// What one of its keys is called in messages.
    pub key: &'static str,
    pub example: &'static str,
    pub keys: Keys,
    pub fields: &'static [Field],
}

/// How many of a record's keys stand together.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Keys {
    Any,
    AtLeastOne,
    ExactlyOne,
}

/// One key of a [`Record`].
pub(super) struct Field {
    pub key: &'static str,
    pub shape: &'static Shape,
    /// What it means, for completion in editors.
    pub about: &'static str,
    /// What to write, when it must not be left out.
    pub required: Option<&'static str>,
}

const fn field(key: &'static str, shape: &'static Shape, about: &'static str) -> Field {
    Field { key, shape, about, required: None }
}

impl Field {
    const fn required(self, example: &'static str) -> Self {
        Self { required: Some(example), ..self }
    }
}
