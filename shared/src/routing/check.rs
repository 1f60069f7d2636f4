//! What can be said of a document before it is published: lint and its own tests.

use super::{
    Answer, Finding, Otherwise, Path, Question, Rule, Ruleset, RulesetTest, Segment, Severity, Step, decide,
    read::rule_path,
};

/// How one of a document's tests went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The test.
    pub name: String,
    /// The rule that decided.
    pub rule: String,
    /// What was expected and what came instead; none when the test passed.
    pub differences: Vec<String>,
}

/// Whether a readable ruleset is as its author means it: what reading alone does not tell.
pub fn lint(ruleset: &Ruleset) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut always_answers: Option<&Rule> = None;
    for (position, rule) in ruleset.rules.iter().enumerate() {
        let at = |severity, message: String| Finding { severity, path: rule_path(position), message };
        if let Some(earlier) = always_answers {
            let message = format!(
                "`{}` is never reached: `{}` before it answers every question; move it up, or give `{}` a `when`",
                rule.name, earlier.name, earlier.name
            );
            findings.push(at(Severity::Error, message));
        } else if rule.when.always() && rule.answers() {
            always_answers = Some(rule);
        }
        if !ruleset.tests.iter().any(|test| test.expect.rule.as_ref() == Some(&rule.name)) {
            let message =
                format!("no test expects `{}`; add one, so that a later change cannot break it", rule.name);
            findings.push(at(Severity::Warning, message));
        }
    }
    findings
}

impl Rule {
    /// Whether a match always ends the search.
    fn answers(&self) -> bool {
        self.otherwise == Otherwise::Stop || self.then.iter().any(|step| matches!(step, Step::Pool(_)))
    }
}

/// Runs the document's own tests.
pub fn run_tests(ruleset: &Ruleset) -> Vec<TestResult> {
    ruleset.tests.iter().map(|test| run_test(ruleset, test)).collect()
}

fn run_test(ruleset: &Ruleset, test: &RulesetTest) -> TestResult {
    let decision = decide(ruleset, &Question::new(&test.given, test.at));
    let Answer { group, agents } = &decision.answer;
    let mut differences = Vec::new();
    if let Some(wanted) = &test.expect.rule
        && wanted != decision.rule
    {
        differences.push(format!("rule: expected {wanted}, got {}", decision.rule));
    }
    if let Some(wanted) = test.expect.group
        && Some(wanted) != *group
    {
        let got = group.map_or("none".into(), |group| group.to_string());
        differences.push(format!("group: expected {wanted}, got {got}"));
    }
    if let Some(wanted) = &test.expect.agents
        && wanted != agents
    {
        differences.push(format!("agents: expected [{}], got [{}]", wanted.join(", "), agents.join(", ")));
    }
    TestResult { name: test.name.clone(), rule: decision.rule.to_owned(), differences }
}

/// Everything that keeps a readable ruleset from being published, and every warning: lint, then
/// the tests that fail.
pub fn findings(ruleset: &Ruleset, results: &[TestResult]) -> Vec<Finding> {
    let failed = results.iter().enumerate().filter(|(_, result)| !result.differences.is_empty());
    let failed = failed.map(|(position, result)| Finding {
        severity: Severity::Error,
        path: Path(vec![Segment::Key("tests".into()), Segment::Item(position)]),
        message: format!("the test \"{}\" fails: {}", result.name, result.differences.join("; ")),
    });
    lint(ruleset).into_iter().chain(failed).collect()
}
