//! What is wrong with a ruleset, how its tests went, and which rule they test.

use std::path::Path;

use desk_webhooks::routing::{Severity, check::coverage};
use serde_json::{Value, json};

use crate::{
    commands::read_text,
    document::{Checked, Document},
    error::CliError,
    output::{self, green, note, red, say, table, text, unless_closed, yellow},
};

/// Says everything; an error in the ruleset is a failure.
pub(super) fn run(file: &Path, as_json: bool) -> Result<(), CliError> {
    let misread = match read_text(file).map(|source| Document::read(file.display().to_string(), source)) {
        Ok(Ok(document)) => return run_on(&document, as_json),
        Ok(Err(misread)) if as_json => not_read(misread.line, misread.column, &misread.message),
        Ok(Err(misread)) => return Err(CliError::said(misread.to_string())),
        Err(error) if as_json => not_read(1, 1, &error.to_string()),
        Err(error) => return Err(error),
    };
    unless_closed(output::json(&misread))?;
    Err(CliError::Reported)
}

fn run_on(document: &Document, as_json: bool) -> Result<(), CliError> {
    let checked = document.check();
    if as_json {
        unless_closed(output::json(&report(document, &checked)))?;
    } else {
        document.report(&checked.findings);
        unless_closed(show_coverage(&checked))?;
        show_verdict(document, &checked);
    }
    if checked.count(Severity::Error) == 0 { Ok(()) } else { Err(CliError::Reported) }
}

/// Refuses a ruleset that is not good, and tells how many tests it passes.
pub(super) fn require(document: &Document) -> Result<usize, CliError> {
    let checked = document.check();
    document.report(&checked.findings);
    show_verdict(document, &checked);
    if checked.count(Severity::Error) == 0 { Ok(checked.tests.len()) } else { Err(CliError::Reported) }
}

/// The report on a file that cannot be read, or is not even data.
fn not_read(line: usize, column: usize, message: &str) -> Value {
    let finding = json!({ "severity": "error", "line": line, "column": column, "path": "the document", "message": message });
    json!({ "good": false, "findings": [finding], "tests": [], "coverage": [] })
}

fn report(document: &Document, checked: &Checked) -> Value {
    let finding = |finding: &desk_webhooks::routing::Finding| {
        let (line, column) = document.place(&finding.path);
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        json!({ "severity": severity, "line": line, "column": column, "path": finding.path.to_string(), "message": finding.message })
    };
    let coverage = checked.ruleset.as_ref().map(|ruleset| {
        let row = |(rule, tests)| json!({ "rule": rule, "tests": tests });
        coverage(ruleset, &checked.tests).into_iter().map(row).collect::<Vec<_>>()
    });
    let test = |test: &desk_webhooks::routing::check::TestResult| json!({ "name": test.name, "rule": test.rule, "passed": test.differences.is_empty(), "differences": test.differences });
    json!({
        "good": checked.count(Severity::Error) == 0,
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
        "tests": checked.tests.iter().map(test).collect::<Vec<_>>(),
        "coverage": coverage.unwrap_or_default(),
    })
}

fn show_coverage(checked: &Checked) -> Result<(), CliError> {
    let Some(ruleset) = &checked.ruleset else { return Ok(()) };
    let rows: Vec<_> = coverage(ruleset, &checked.tests)
        .into_iter()
        .map(|(rule, tests)| {
            let first = tests.first().map_or_else(|| yellow("none"), |test| text!("{}", test));
            let more = tests.len().saturating_sub(1);
            [text!("{}", rule), if more == 0 { first } else { text!("{} (and {} more)", first, more) }]
        })
        .collect();
    table(["rule", "tested by"], &rows)?;
    say!("")
}

fn show_verdict(document: &Document, checked: &Checked) {
    let (errors, warnings) = (checked.count(Severity::Error), checked.count(Severity::Warning));
    let passed = checked.tests.iter().filter(|test| test.differences.is_empty()).count();
    let counts = checked.ruleset.as_ref().map(|ruleset| {
        let (rules, pools) = (counted(ruleset.rules.len(), "rule"), counted(ruleset.pools.len(), "pool"));
        format!("{rules}, {pools}, {passed} of {} tests pass, ", checked.tests.len())
    });
    let verdict = if errors == 0 { green("good") } else { red("not good") };
    let counts = counts.unwrap_or_default();
    let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
    note!("{}: {}: {}{}, {}", document.name, verdict, counts, errors, warnings);
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
