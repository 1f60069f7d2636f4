//! Rulesets as people write them: YAML 1.2 (of which JSON is a part), with the place of every value.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    path::Path as FilePath,
};

use desk_webhooks::{
    routing::{self, Finding, Path, Ruleset, Segment, Severity, check},
    store,
};
use jiff::Timestamp;
use saphyr::{Marker, Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, ScanError, Span, StrInput};
use serde_json::{Map, Value};

use crate::{
    error::CliError,
    output::{note, red, yellow},
};

/// Deeper than any ruleset, and shallow enough for every recursion over it.
const MAX_DEPTH: usize = 64;
const TOO_DEEP: &str = "nested deeper than any ruleset needs; is it one?";
/// More than anything that fits when compressed; a slip, such as a database dump, is noticed at once.
const MAX_MEGABYTES: usize = 4;
/// As many findings as anybody mends before looking again.
const MAX_FINDINGS: usize = 50;

/// A ruleset file that was read as data.
pub(crate) struct Document {
    /// The file, as the user called it.
    pub(crate) name: String,
    /// As it is written.
    pub(crate) source: String,
    /// As data.
    pub(crate) value: Value,
    places: HashMap<Path, (usize, usize)>,
}

/// What is wrong with a text before it is data, and where.
struct Misread {
    at: Marker,
    message: String,
}

/// A document that can be decided with, and all that was found.
pub(crate) struct Checked {
    /// The ruleset, unless it has errors of its own.
    pub(crate) ruleset: Option<Ruleset>,
    /// How its tests went.
    pub(crate) tests: Vec<check::TestResult>,
    /// Errors and warnings.
    pub(crate) findings: Vec<Finding>,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no YAML.
    pub(crate) fn open(path: &FilePath) -> Result<Self, CliError> {
        let source = crate::commands::read_text(path)?;
        Self::parse(path.display().to_string(), source)
    }

    /// Reads a text under a name.
    ///
    /// # Errors
    /// It is no YAML.
    pub(crate) fn parse(name: String, source: String) -> Result<Self, CliError> {
        let megabytes = source.len() >> 20;
        if megabytes > MAX_MEGABYTES {
            return Err(CliError::said(format!(
                "{name}: the file has {megabytes} MB, and a ruleset has at most {MAX_MEGABYTES}"
            )));
        }
        let mut reader =
            Reader { events: Parser::new_from_str(&source), places: HashMap::new(), path: Path::default() };
        match reader.document() {
            Ok(value) => {
                let places = reader.places;
                Ok(Self { name, source, value, places })
            }
            Err(Misread { at, message }) => {
                let (line, column) = (at.line(), at.col() + 1);
                Err(CliError::said(format!("{name}:{line}:{column}: {message}")))
            }
        }
    }

    /// Checks the document as `publish` does.
    pub(crate) fn check(&self) -> Checked {
        let mut checked = match routing::read(&self.value) {
            Ok(ruleset) => {
                let tests = check::run_tests(&ruleset);
                let findings = check::findings(&ruleset, &tests, Timestamp::now());
                Checked { ruleset: Some(ruleset), tests, findings }
            }
            Err(findings) => Checked { ruleset: None, tests: Vec::new(), findings },
        };
        if let Err(error) = store::fits(&self.source, &self.value) {
            let (severity, path, message) = (Severity::Error, Path::default(), error.to_string());
            checked.findings.push(Finding { severity, path, message });
        }
        checked
    }

    /// Says what was found, a line each, to standard error.
    pub(crate) fn report(&self, findings: &[Finding]) {
        for finding in findings.iter().take(MAX_FINDINGS) {
            let (line, column) = self.place(&finding.path);
            let severity = match finding.severity {
                Severity::Error => red("error"),
                Severity::Warning => yellow("warning"),
            };
            note!("{}:{}:{}: {}: {}", self.name, line, column, severity, finding);
        }
        if let Some(more) = findings.len().checked_sub(MAX_FINDINGS).filter(|more| *more > 0) {
            note!("{}: and {} more", self.name, more);
        }
    }

    /// Where a path stands, or the nearest thing around it that is there.
    pub(crate) fn place(&self, path: &Path) -> (usize, usize) {
        let mut path = path.clone();
        loop {
            if let Some(place) = self.places.get(&path) {
                return *place;
            }
            if path.0.pop().is_none() {
                return (1, 1);
            }
        }
    }

    /// The ruleset, for commands that cannot do without.
    ///
    /// # Errors
    /// The document has errors; they are reported.
    pub(crate) fn ruleset(&self) -> Result<Ruleset, CliError> {
        routing::read(&self.value).map_err(|findings| {
            self.report(&findings);
            CliError::Reported
        })
    }
}

impl Checked {
    /// How many findings are of this severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

struct Reader<'s> {
    events: Parser<'s, StrInput<'s>>,
    places: HashMap<Path, (usize, usize)>,
    path: Path,
}

impl From<ScanError> for Misread {
    fn from(error: ScanError) -> Self {
        // The parser has a limit of its own, for some kinds of nesting a lower one.
        let too_deep = error.info().contains("recursion limit");
        let message = if too_deep { TOO_DEEP.to_owned() } else { error.info().to_owned() };
        Self { at: *error.marker(), message }
    }
}

fn misread<T>(span: Span, message: impl Into<String>) -> Result<T, Misread> {
    Err(Misread { at: span.start, message: message.into() })
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Result<(Event<'s>, Span), Misread> {
        match self.events.next() {
            Some(event) => Ok(event?),
            None => misread(Span::empty(Marker::new(0, 1, 0)), "the document ends too early"),
        }
    }

    fn document(&mut self) -> Result<Value, Misread> {
        let mut value = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                // `---` at the end begins a document of nothing.
                Event::Scalar(text, ScalarStyle::Plain, 0, None) if value.is_some() && text.is_empty() => {}
                _ if value.is_some() => {
                    return misread(span, "one file holds one ruleset; remove what follows `---`");
                }
                event => value = Some(self.value(event, span)?),
            }
        }
        match value {
            Some(value) => Ok(value),
            None => misread(
                Span::empty(Marker::new(0, 1, 0)),
                "the file is empty; `desk rules init` prints a ruleset",
            ),
        }
    }

    fn value(&mut self, event: Event<'s>, span: Span) -> Result<Value, Misread> {
        if self.path.0.len() > MAX_DEPTH {
            return misread(span, TOO_DEEP);
        }
        match event {
            Event::Alias(_) => {
                misread(span, "aliases (*name) are not part of a ruleset; write the value again")
            }
            Event::Scalar(_, _, 1.., _) | Event::SequenceStart(1.., _) | Event::MappingStart(1.., _) => {
                misread(span, "anchors (&name) are not part of a ruleset; remove it")
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                misread(span, "tags (!name) are not part of a ruleset; remove it")
            }
            Event::Scalar(text, style, _, None) => scalar(text, style, span),
            Event::SequenceStart(_, None) => self.sequence(),
            Event::MappingStart(_, None) => self.mapping(),
            _ => misread(span, "a value was expected here"),
        }
    }

    /// Reads what stands one step further down, and notes where.
    fn below(&mut self, segment: Segment, place: Span, event: (Event<'s>, Span)) -> Result<Value, Misread> {
        self.path.0.push(segment);
        self.places.insert(self.path.clone(), (place.start.line(), place.start.col() + 1));
        let value = self.value(event.0, event.1);
        self.path.0.pop();
        value
    }

    fn sequence(&mut self) -> Result<Value, Misread> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            items.push(self.below(Segment::Item(items.len()), span, (event, span))?);
        }
    }

    fn mapping(&mut self) -> Result<Value, Misread> {
        let mut entries = Map::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(entries)),
                Event::Scalar(key, _, 0, None) => key.into_owned(),
                _ => return misread(span, "a key must be a plain text"),
            };
            if !seen.insert(key.clone()) {
                return misread(span, format!("`{key}` stands here twice; keep one"));
            }
            let event = self.next()?;
            let value = self.below(Segment::Key(key.clone()), span, event)?;
            entries.insert(key, value);
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, span: Span) -> Result<Value, Misread> {
    if style != ScalarStyle::Plain {
        return Ok(Value::String(text.into_owned()));
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let source = text.to_string();
    Ok(match Scalar::parse_from_cow(text) {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(value),
        Scalar::Integer(number) if plain(&source) && number.unsigned_abs() <= EXACT => number.into(),
        Scalar::FloatingPoint(number) if !number.is_finite() => {
            return misread(span, "infinity and not-a-number are no values of a ruleset");
        }
        Scalar::FloatingPoint(number) if plain(&source) && source.contains('.') => number.into_inner().into(),
        Scalar::Integer(_) | Scalar::FloatingPoint(_) => {
            let advice =
                format!("{source} would lose its form as a number; write it in quotes: \"{source}\"");
            return misread(span, advice);
        }
        Scalar::String(text) => Value::String(text.into_owned()),
    })
}

/// The largest whole number that every program reads alike.
const EXACT: u64 = 1 << 53;

/// Whether a number is written as people write it: no leading zeros, no exponent, no other base.
fn plain(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let zeros = digits.starts_with('0') && digits.len() > 1 && !digits.starts_with("0.");
    !zeros && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, String> {
        Document::parse("r.yaml".into(), text.into())
            .map(|document| document.value)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn yaml_and_json_are_read_alike() {
        let yaml = "a: [1, -2.5, yes, true, ~, '1', 09:00, 2027-02-01]\nb: {c: 退款}\n";
        let json = r#"{"a": [1, -2.5, "yes", true, null, "1", "09:00", "2027-02-01"], "b": {"c": "退款"}}"#;
        assert_eq!(parse(yaml), Ok(serde_json::from_str(json).unwrap_or_default()));
        assert_eq!(parse(json), parse(yaml));
        let nothing = serde_json::from_str(r#"{"a": null, "b": {"c": null, "d": null}}"#).unwrap_or_default();
        assert_eq!(parse("a:\nb: {c, d: }\n"), Ok(nothing));
    }

    #[test]
    fn what_a_ruleset_may_not_hold_is_said_with_its_place() {
        for (text, expected) in [
            ("", "r.yaml:1:1: the file is empty"),
            ("a: 1\na: 2\n", "r.yaml:2:1: `a` stands here twice"),
            ("a: &x 1\nb: *x\n", "r.yaml:1:"),
            ("a: !now 1\n", "r.yaml:1:"),
            ("[a]: 1\n", "r.yaml:1:1: a key must be a plain text"),
            ("a: 1\n---\nb: 2\n", "r.yaml:3:1: one file holds one ruleset"),
            ("a: .inf\n", "r.yaml:1:4: infinity"),
            ("a: 007\n", "r.yaml:1:4: 007 would lose its form as a number; write it in quotes: \"007\""),
            ("a: 0x1F\n", "r.yaml:1:4: 0x1F would lose"),
            ("a: 1e5\n", "r.yaml:1:4: 1e5 would lose"),
            ("a: 12345678901234567890\n", "r.yaml:1:4: 12345678901234567890 would lose"),
            ("a: [1\n", "r.yaml:"),
            ("a: {b: [}\n", "r.yaml:"),
        ] {
            let said = parse(text).err().unwrap_or_default();
            assert!(said.starts_with(expected), "{text:?}: {said}");
        }
    }

    #[test]
    fn neither_depth_nor_anchors_can_blow_it_up() {
        for text in ["[".repeat(10_000), "{a: ".repeat(10_000), "- ".repeat(10_000)] {
            assert!(parse(&text).is_err());
        }
        let bomb = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n";
        assert!(parse(bomb).err().is_some_and(|said| said.contains("anchors")));
    }
}
