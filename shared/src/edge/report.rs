//! One line of JSON for each request: what a person reads in the log, and in CloudWatch's embedded
//! metric format what becomes metrics. What is counted has the name that it has there (`Duration`,
//! `Rule`); everything else is in small letters.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use lambda_runtime::Context;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::json;

use super::{Arrival, arrival::Told};
use crate::{
    config::Env,
    digest::sha256_hex,
    metrics::{Metric, NAMESPACE},
};

/// A rule's name longer than this is cut in CloudWatch; it would take 1024.
const DIMENSION_CHARS: usize = 200;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The platform's check of the URL.
    Probe,
    /// It did not get in.
    Refused,
    /// It could not be taken care of, and is lost unless it is sent again.
    Unavailable,
    /// A question was answered.
    Answered,
    /// There was no possible answer to a question.
    Failed,
    /// A callback was kept.
    Stored,
    /// It had been kept before.
    Duplicate,
    /// It was kept beside another content under the same key.
    Conflict,
    /// It was kept although it was not understood.
    Quarantined,
    /// It waits in the spill queue.
    Spilled,
    /// A batch of the spill queue was gone through.
    Drained,
}

impl Outcome {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Quarantined => "quarantined",
            Self::Spilled => "spilled",
            Self::Drained => "drained",
        }
    }

    /// What it counts as.
    pub fn metric(self) -> Option<Metric> {
        Some(match self {
            Self::Refused => Metric::Refused,
            Self::Unavailable => Metric::Unavailable,
            Self::Answered => Metric::Answered,
            Self::Failed => Metric::Failed,
            Self::Stored => Metric::Stored,
            Self::Duplicate => Metric::Duplicate,
            Self::Conflict => Metric::Conflict,
            Self::Quarantined => Metric::Quarantined,
            Self::Spilled => Metric::Spilled,
            Self::Probe | Self::Drained => return None,
        })
    }

    fn level(self) -> Level {
        match self {
            Self::Probe | Self::Answered | Self::Stored | Self::Duplicate | Self::Drained => Level::Info,
            Self::Refused | Self::Failed | Self::Conflict | Self::Quarantined | Self::Spilled => Level::Warn,
            Self::Unavailable => Level::Error,
        }
    }
}

/// How much a line matters, in Lambda's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    /// The least that is wanted. There is nothing below `INFO`.
    fn wanted(env: Env<'_>) -> Self {
        match env.get("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default().to_ascii_uppercase().as_str() {
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            "FATAL" => Self::Fatal,
            _ => Self::Info,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// Where the lines of a function go.
#[derive(Debug)]
pub struct Log {
    function: String,
    level: Level,
    cold: AtomicBool,
}

impl Log {
    /// The log of this process: its name and level are what Lambda says.
    pub fn new(env: Env<'_>) -> Self {
        let function = env.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        Self { function, level: Level::wanted(env), cold: AtomicBool::new(true) }
    }

    /// Writes the line of a request that is done.
    pub(super) fn done(&self, arrival: &Arrival, context: &Context) {
        write(self.compose(arrival, context));
    }

    /// The line of a request that is done.
    pub fn compose(&self, arrival: &Arrival, context: &Context) -> String {
        if self.cold.swap(false, Ordering::Relaxed) {
            arrival.count(Metric::ColdStart);
        }
        let told = std::mem::take(&mut *arrival.told());
        self.line(arrival.at_ms, told, context)
    }

    /// Writes what is not about a request; not if nothing below this level is wanted.
    pub(super) fn say(&self, level: Level, message: &str) {
        if level >= self.level {
            let line = json!({ "level": level.name(), "timestamp": Timestamp::now(), "message": message });
            write(line.to_string());
        }
    }

    fn line(&self, at_ms: u64, mut told: Told, context: &Context) -> String {
        let level = told.outcome.map_or(Level::Error, Outcome::level);
        let level = if told.problems.is_empty() { level } else { level.max(Level::Warn) };
        told.metrics.extend(told.outcome.and_then(Outcome::metric).map(|metric| (metric, 1.0)));
        let line = Line { log: self, at_ms, level, told: &told, context };
        // Its keys are texts and nothing in it can fail.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// Serialised as it is written: a tree of values first would take three times as long.
struct Line<'a> {
    log: &'a Log,
    at_ms: u64,
    level: Level,
    told: &'a Told,
    context: &'a Context,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { log, at_ms, level, told, context } = *self;
        let mut line = serializer.serialize_map(None)?;
        // Where a level is set, Lambda itself drops what is below it, and takes a line without level or time for INFO.
        line.serialize_entry("level", level.max(log.level).name())?;
        line.serialize_entry("timestamp", &format_args!("{:.3}", timestamp(at_ms)))?;
        // Metrics are wanted whatever the level is; what only people read is not.
        if level >= log.level {
            line.serialize_entry("request_id", &context.request_id)?;
            put(&mut line, "trace_id", context.xray_trace_id.as_deref())?;
            put(&mut line, "command", told.command.as_deref())?;
            put(&mut line, "session", told.session.as_deref())?;
            put(&mut line, "outcome", told.outcome.map(Outcome::name))?;
            put(&mut line, "problems", Some(&told.problems).filter(|problems| !problems.is_empty()))?;
            line.serialize_entry("stages", &sums(&told.stages))?;
        }
        line.serialize_entry("Function", &log.function)?;
        let dimension = told.rule.as_deref().map(dimension);
        if dimension.as_deref() != told.rule.as_deref() {
            put(&mut line, "rule_name", told.rule.as_deref())?;
        }
        put(&mut line, "Rule", dimension)?;
        put(&mut line, "Cause", told.cause)?;
        for (metric, value) in &told.metrics {
            line.serialize_entry(metric.name(), &Number(*value))?;
        }
        line.serialize_entry("_aws", &Embedded { at_ms, metrics: &told.metrics })?;
        line.end()
    }
}

fn put<M: SerializeMap>(line: &mut M, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| line.serialize_entry(name, &value))
}

/// What tells CloudWatch which fields are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded<'a> {
    #[serde(rename = "Timestamp")]
    at_ms: u64,
    #[serde(rename = "CloudWatchMetrics", serialize_with = "entries")]
    metrics: &'a [(Metric, f64)],
}

/// One entry for each set of dimensions: all metrics by function, and some by one thing more.
fn entries<S: Serializer>(metrics: &[(Metric, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let by_more = metrics.iter().enumerate().filter_map(|(place, (metric, _))| {
        metric.dimension().map(|more| Entry { more: Some(more), metrics: &metrics[place..=place] })
    });
    serializer.collect_seq(std::iter::once(Entry { more: None, metrics }).chain(by_more))
}

struct Entry<'a> {
    more: Option<&'static str>,
    metrics: &'a [(Metric, f64)],
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Named {
            name: &'static str,
            unit: &'static str,
        }

        let dimensions: Vec<&str> = std::iter::once("Function").chain(self.more).collect();
        let named = |(metric, _): &(Metric, f64)| Named { name: metric.name(), unit: metric.unit() };
        let mut entry = serializer.serialize_map(Some(3))?;
        entry.serialize_entry("Namespace", NAMESPACE)?;
        entry.serialize_entry("Dimensions", &[dimensions])?;
        entry.serialize_entry("Metrics", &self.metrics.iter().map(named).collect::<Vec<_>>())?;
        entry.end()
    }
}

/// With three decimals: of milliseconds, more are noise. A count is a whole number.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = (self.0 * 1000.0).round() / 1000.0;
        if value.fract() == 0.0 && value >= 0.0 {
            serializer.serialize_u64(value as u64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

/// What CloudWatch takes as a dimension's value: plain characters, not too many. Names in any other writing are
/// told apart by a digest.
fn dimension(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
    if !name.trim().is_empty()
        && name.len() <= DIMENSION_CHARS
        && name.chars().all(is_plain)
        && !name.starts_with(':')
    {
        return Cow::Borrowed(name);
    }
    let plain: String = name.chars().filter(|c| is_plain(*c) && *c != ':').take(DIMENSION_CHARS).collect();
    Cow::Owned(format!("rule {} {}", &sha256_hex(name.as_bytes())[..8], plain.trim()).trim_end().to_owned())
}

fn timestamp(at_ms: u64) -> Timestamp {
    i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}

/// A stage that a request went through twice took its time twice.
fn sums(stages: &[(&'static str, f64)]) -> BTreeMap<&'static str, Number> {
    let mut sums = BTreeMap::new();
    for (name, ms) in stages {
        sums.entry(*name).or_insert(Number(0.0)).0 += ms;
    }
    sums
}

/// In one piece, before the answer: the sandbox may be frozen after it.
fn write(mut line: String) {
    line.push('\n');
    // Where there is no log there is nobody to tell.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::protocol::Command;

    fn log(level: &'static str) -> Log {
        Log::new(Env::new(&|name| match name {
            "AWS_LAMBDA_FUNCTION_NAME" => Some("assign".into()),
            "AWS_LAMBDA_LOG_LEVEL" => Some(level.into()),
            _ => None,
        }))
    }

    fn told() -> Told {
        let arrival = Arrival::now();
        arrival.is_about(&Command::AssignAgent);
        arrival.in_session("s-1");
        arrival.decided("vip", Some(7));
        arrival.became(Outcome::Answered);
        arrival.measure(Metric::Duration, 4.123_456);
        let stages = vec![("facts", 1.0), ("facts", 0.5), ("record", 2.0)];
        Told { stages, ..arrival.told().clone() }
    }

    fn line_of(log: &Log, at_ms: u64, told: Told) -> Value {
        serde_json::from_str(&log.line(at_ms, told, &context())).unwrap()
    }

    fn context() -> Context {
        let mut context = Context::default();
        context.request_id = "r-1".into();
        context.xray_trace_id = Some("Root=1-a".into());
        context
    }

    #[test]
    fn a_line_is_the_story_of_a_request_and_its_metrics() {
        let line = line_of(&log("INFO"), 1_793_584_800_000, told());
        insta::assert_snapshot!(serde_json::to_string_pretty(&line).unwrap());
    }

    #[test]
    fn a_level_above_leaves_the_metrics() {
        let line = line_of(&log("WARN"), 1_793_584_800_000, told());
        let names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["level", "timestamp", "Function", "Rule", "RulesetVersion", "Duration", "Answered", "_aws"]
        );
        let told = Told { problems: vec!["facts: no answer".into()], ..told() };
        let line = line_of(&log("WARN"), 1_793_584_800_000, told);
        assert_eq!((&line["level"], &line["problems"][0]), (&json!("WARN"), &json!("facts: no answer")));
    }

    #[test]
    fn a_rule_of_any_name_is_a_dimension() {
        let of = |name: &str| dimension(name).into_owned();
        assert_eq!(of("refunds, 2nd line"), "refunds, 2nd line");
        let long = "x".repeat(5000);
        let odd = ["夜间客服", "夜间", ":first", " ", "", "tab\tbed", "café", "cafè", &long].map(of);
        assert_eq!(odd[0], "rule 12ce448a");
        for name in &odd {
            assert!(name.is_ascii() && name.len() <= 250 && name.starts_with("rule "), "{name}");
        }
        let distinct: std::collections::HashSet<_> = odd.iter().collect();
        assert_eq!(distinct.len(), odd.len());
    }

    #[test]
    fn what_ended_without_an_outcome_is_an_error() {
        assert_eq!(line_of(&log("ERROR"), 0, Told::default())["level"], "ERROR");
    }
}
