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

/// Why a text could not be read as data, and where.
#[derive(Debug, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub(crate) struct Misread {
    /// The file, as the user called it.
    pub(crate) name: String,
    /// From 1.
    pub(crate) line: usize,
    /// From 1.
    pub(crate) column: usize,
    /// What is wrong.
    pub(crate) message: String,
}

/// The same, before the file is named.
struct Wrong {
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
    /// The file cannot be read, or is not YAML.
    pub(crate) fn open(path: &FilePath) -> Result<Self, CliError> {
        Self::parse(path.display().to_string(), crate::commands::read_text(path)?)
    }

    /// Reads a text under a name.
    ///
    /// # Errors
    /// The text is not YAML.
    pub(crate) fn parse(name: String, source: String) -> Result<Self, CliError> {
        Self::read(name, source).map_err(|misread| CliError::said(misread.to_string()))
    }

    /// Reads a text under a name.
    ///
    /// # Errors
    /// The text is not YAML; where, and why.
    pub(crate) fn read(name: String, source: String) -> Result<Self, Misread> {
        let megabytes = source.len() >> 20;
        if megabytes > MAX_MEGABYTES {
            let message = format!("the file has {megabytes} MB; a ruleset has at most {MAX_MEGABYTES}");
            return Err(Misread { name, line: 1, column: 1, message });
        }
        let read = |text: &str| {
            let events = Parser::new_from_str(text);
            let mut reader = Reader { events, places: HashMap::new(), path: Path::default() };
            reader.document().map(|value| (value, reader.places))
        };
        let read = read(&source).or_else(|wrong| match without_surrogates(&source) {
            Some(text) => read(&text),
            None => Err(wrong),
        });
        match read {
            Ok((value, places)) => Ok(Self { name, source, value, places }),
            Err(Wrong { at, message }) => {
                Err(Misread { name, line: at.line(), column: at.col() + 1, message })
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
            note!("{}: and at least {} more", self.name, more);
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

impl From<ScanError> for Wrong {
    fn from(error: ScanError) -> Self {
        // The parser has a limit of its own, for some kinds of nesting a lower one.
        let too_deep = error.info().contains("recursion limit");
        let message = if too_deep { TOO_DEEP.to_owned() } else { error.info().to_owned() };
        Self { at: *error.marker(), message }
    }
}

fn wrong<T>(span: Span, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { at: span.start, message: message.into() })
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Result<(Event<'s>, Span), Wrong> {
        match self.events.next() {
            Some(event) => Ok(event?),
            None => wrong(Span::empty(Marker::new(0, 1, 0)), "the document ends too early"),
        }
    }

    fn document(&mut self) -> Result<Value, Wrong> {
        let mut value = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                // `---` at the end begins a document of nothing.
                Event::Scalar(text, ScalarStyle::Plain, 0, None) if value.is_some() && text.is_empty() => {}
                _ if value.is_some() => {
                    return wrong(span, "one file holds one ruleset; remove what follows `---`");
                }
                event => value = Some(self.value(event, span)?),
            }
        }
        match value {
            Some(value) => Ok(value),
            None => wrong(
                Span::empty(Marker::new(0, 1, 0)),
                "the file is empty; `desk rules init` prints a ruleset",
            ),
        }
    }

    fn value(&mut self, event: Event<'s>, span: Span) -> Result<Value, Wrong> {
        if self.path.0.len() > MAX_DEPTH {
            return wrong(span, TOO_DEEP);
        }
        match event {
            Event::Alias(_) => {
                wrong(span, "aliases (*name) are not part of a ruleset; write the value again")
            }
            Event::Scalar(_, _, 1.., _) | Event::SequenceStart(1.., _) | Event::MappingStart(1.., _) => {
                wrong(span, "anchors (&name) are not part of a ruleset; remove it")
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                wrong(span, "tags (!name) are not part of a ruleset; remove it")
            }
            Event::Scalar(text, style, _, None) => scalar(text, style, span),
            Event::SequenceStart(_, None) => self.sequence(),
            Event::MappingStart(_, None) => self.mapping(),
            _ => wrong(span, "a value was expected here"),
        }
    }

    /// Reads what stands one step further down, and notes where.
    fn below(&mut self, segment: Segment, place: Span, event: (Event<'s>, Span)) -> Result<Value, Wrong> {
        self.path.0.push(segment);
        self.places.insert(self.path.clone(), (place.start.line(), place.start.col() + 1));
        let value = self.value(event.0, event.1);
        self.path.0.pop();
        value
    }

    fn sequence(&mut self) -> Result<Value, Wrong> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            items.push(self.below(Segment::Item(items.len()), span, (event, span))?);
        }
    }

    fn mapping(&mut self) -> Result<Value, Wrong> {
        let mut entries = Map::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(entries)),
                Event::Scalar(key, _, 0, None) => key.into_owned(),
                _ => return wrong(span, "a key must be a plain text"),
            };
            if !seen.insert(key.clone()) {
                return wrong(span, format!("`{key}` stands here twice; keep one"));
            }
            let event = self.next()?;
            let value = self.below(Segment::Key(key.clone()), span, event)?;
            entries.insert(key, value);
        }
    }
}

/// A JSON text in which each pair of surrogates is the character that it stands for: YAML knows no surrogates.
/// Blanks behind the string keep the columns of what follows. `None` if it is not JSON.
fn without_surrogates(source: &str) -> Option<String> {
    serde_json::from_str::<Value>(source).ok()?;
    let mut text = String::with_capacity(source.len());
    let (mut rest, mut saved, mut inside) = (source, 0, false);
    // Outside of strings, JSON has neither quotes nor escapes.
    while let Some(special) = rest.find(['"', '\\']) {
        let (before, from) = rest.split_at(special);
        text.push_str(before);
        if let Some(behind) = from.strip_prefix('"') {
            text.push('"');
            inside = !inside;
            if !inside {
                text.extend(std::iter::repeat_n(' ', std::mem::take(&mut saved)));
            }
            rest = behind;
        } else if let Some((pair, character)) = surrogates(from) {
            text.push(character);
            saved += pair.len() - 1;
            rest = &from[pair.len()..];
        } else {
            let (escape, behind) = from.split_at(2);
            text.push_str(escape);
            rest = behind;
        }
    }
    text.push_str(rest);
    Some(text)
}

/// The pair of escaped surrogates that a text begins with, and its character.
fn surrogates(text: &str) -> Option<(&str, char)> {
    let pair = text.get(..12)?;
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok();
    let units = [unit(pair.get(..6)?)?, unit(pair.get(6..)?)?];
    match char::decode_utf16(units).collect::<Result<Vec<_>, _>>().ok()?[..] {
        [character] => Some((pair, character)),
        _ => None,
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, span: Span) -> Result<Value, Wrong> {
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
            return wrong(span, "infinity and not-a-number are no values of a ruleset");
        }
        Scalar::FloatingPoint(number) if plain(&source) && source.contains('.') => number.into_inner().into(),
        Scalar::Integer(_) | Scalar::FloatingPoint(_) => {
            let advice =
                format!("{source} would lose its form as a number; write it in quotes: \"{source}\"");
            return wrong(span, advice);
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
    fn surrogates_of_json_are_characters() {
        let json = r#"{"a\ud83d\ude00": "\uD83D\uDE00 \\ud83d\\ude00 \n", "b": {"c": 1}}"#;
        assert_eq!(parse(json), Ok(serde_json::from_str(json).unwrap_or_default()));
        let place = |json: &str, key: &str| {
            let path = Path(vec![Segment::Key(key.into())]);
            Document::parse("r.json".into(), json.into()).map(|document| document.place(&path)).ok()
        };
        assert_eq!(place(json, "b"), Some((1, 1 + json.find("\"b\"").unwrap_or_default())));
        // Half a pair is not JSON, and in YAML without double quotes it is no escape at all.
        assert!(parse(r#"{"a": "\ud83d"}"#).is_err());
        assert_eq!(parse(r"a: \ud83d\ude00"), Ok(serde_json::json!({ "a": r"\ud83d\ude00" })));
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
