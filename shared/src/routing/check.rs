//! What can be said of a document before it is published: lint and its own tests.

use jiff::Timestamp;

use super::{
    Answer, Condition, DEFAULT, EMERGENCY, Finding, Otherwise, Path, Question, Rule, Ruleset, RulesetTest,
    Segment, Severity, Step, decide, slips,
};

/// How one of a document's tests went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The test.
    pub name: String,
    /// The rule that decided.
    pub rule: String,
    /// What was answered, for a person.
    pub answer: String,
    /// What was expected and what came instead; none when the test passed.
    pub differences: Vec<String>,
}

/// Runs the document's own tests.
///
/// They test the rules, so that the emergency switch counts as off; a test that expects
/// [`EMERGENCY`] finds it on.
pub fn run_tests(ruleset: &Ruleset) -> Vec<TestResult> {
    ruleset.tests.iter().map(|test| run_test(ruleset, test)).collect()
}

/// Runs one test, which need not be the document's own.
pub fn run_test(ruleset: &Ruleset, test: &RulesetTest) -> TestResult {
    let on = test.expect.rule.as_deref() == Some(EMERGENCY);
    let mut question = Question::new(ruleset, &test.given, test.at);
    question.emergency = ruleset.emergency.filter(|_| on).map(|emergency| emergency.pool);
    let decision = decide(&question);
    let (group, agents) = match &decision.answer {
        Some(Answer::Serve { group, agents }) => (*group, agents.as_slice()),
        Some(Answer::Fail(_)) | None => (None, [].as_slice()),
    };
    let mut differences = Vec::new();
    if let Some(wanted) = &test.expect.rule
        && wanted != decision.rule
    {
        differences.push(format!("rule: expected {wanted}, got {}", decision.rule));
    }
    if let Some(wanted) = test.expect.group
        && Some(wanted) != group
    {
        let got = group.map_or("none".into(), |group| group.to_string());
        differences.push(format!("group: expected {wanted}, got {got}"));
    }
    if let Some(wanted) = &test.expect.agents
        && wanted != agents
    {
        differences.push(format!("agents: expected [{}], got [{}]", wanted.join(", "), agents.join(", ")));
    }
    let answer = decision.answer.as_ref().map_or("nothing".into(), Answer::describe);
    TestResult { name: test.name.clone(), rule: decision.rule.to_owned(), answer, differences }
}

/// Which rule is tested by which tests, in the order of the document; the default last.
pub fn coverage<'a>(ruleset: &'a Ruleset, results: &'a [TestResult]) -> Vec<(&'a str, Vec<&'a str>)> {
    let emergency = ruleset.emergency.map(|_| EMERGENCY);
    let rules = ruleset.rules.iter().map(|rule| rule.name.as_str()).chain([DEFAULT]).chain(emergency);
    let tests =
        |rule| results.iter().filter(move |result| result.rule == rule).map(|result| result.name.as_str());
    rules.map(|rule| (rule, tests(rule).collect())).collect()
}

/// Everything that keeps a readable ruleset from being published, and every warning: lint, then
/// the tests that fail. `now` tells what is past.
pub fn findings(ruleset: &Ruleset, results: &[TestResult], now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    unreachable(ruleset, &mut findings);
    dead_steps(ruleset, &mut findings);
    untested(ruleset, results, &mut findings);
    past(ruleset, now, &mut findings);
    unused(ruleset, &mut findings);
    surprising(ruleset, &mut findings);
    zone(ruleset, &mut findings);
    slips::find(ruleset, &mut findings);
    for (position, result) in results.iter().enumerate().filter(|(_, result)| !result.differences.is_empty())
    {
        let differences = result.differences.join("; ");
        let message = format!("the test \"{}\" fails: {differences}", result.name);
        findings.push(finding(Severity::Error, &["tests"], Some(position), message));
    }
    findings
}

pub(super) fn finding(severity: Severity, keys: &[&str], item: Option<usize>, message: String) -> Finding {
    let keys = keys.iter().map(|key| Segment::Key((*key).to_owned()));
    Finding { severity, path: Path(keys.chain(item.map(Segment::Item)).collect()), message }
}

/// Rules that are never reached, because an earlier one answers whatever they would match.
fn unreachable(ruleset: &Ruleset, findings: &mut Vec<Finding>) {
    for (position, rule) in ruleset.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
        let earlier =
            ruleset.rules[..position].iter().filter(|rule| rule.always_tried() && rule.ends(ruleset));
        let Some(hiding) = earlier.into_iter().find(|earlier| rule.when.implies(&earlier.when)) else {
            continue;
        };
        let (name, other) = (&rule.name, &hiding.name);
        let why = match (hiding.when.always(), hiding.answers(ruleset)) {
            (true, true) => {
                format!("`{other}` before it answers every question; move it up, or give `{other}` a `when`")
            }
            (false, true) => format!(
                "whatever it matches, `{other}` before it matches and answers; move it up, or narrow `{other}`"
            ),
            (_, false) => format!(
                "whatever it matches, `{other}` before it matches, and without an answer the search stops there; \
                 move it up, or write `else: continue` in `{other}`"
            ),
        };
        let message = format!("`{name}` is never reached: {why}");
        findings.push(finding(Severity::Error, &["rules"], Some(position), message));
    }
}

impl Rule {
    /// Whether the rule is tried at any time.
    fn always_tried(&self) -> bool {
        self.enabled && self.from.is_none() && self.until.is_none()
    }

    /// Whether a match always ends the search.
    fn ends(&self, ruleset: &Ruleset) -> bool {
        self.otherwise == Otherwise::Stop || self.answers(ruleset)
    }

    /// Whether a match always has an answer.
    fn answers(&self, ruleset: &Ruleset) -> bool {
        self.then.iter().any(|step| step.answers(ruleset))
    }
}

impl Step {
    /// Whether the step always gives an answer.
    fn answers(&self, ruleset: &Ruleset) -> bool {
        match self {
            Self::Pool(pool) => ruleset.pools[*pool].calendar.is_none(),
            Self::Fail(_) => true,
            // A user who is not known has no draw.
            Self::Split { .. } | Self::LastAgent { .. } => false,
        }
    }
}

/// Steps behind one that always answers.
fn dead_steps(ruleset: &Ruleset, findings: &mut Vec<Finding>) {
    for (position, rule) in ruleset.rules.iter().enumerate() {
        let last = rule.then.iter().position(|step| step.answers(ruleset));
        if let Some(last) = last.filter(|last| last + 1 < rule.then.len()) {
            let step = rule.then[last].describe(ruleset);
            let message =
                format!("the steps behind `{step}` are never tried, because it always answers; remove them");
            let mut finding = finding(Severity::Warning, &["rules"], Some(position), message);
            finding.path.0.extend([Segment::Key("then".into()), Segment::Item(last + 1)]);
            findings.push(finding);
        }
    }
}

fn untested(ruleset: &Ruleset, results: &[TestResult], findings: &mut Vec<Finding>) {
    for (position, rule) in ruleset.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
        if !results.iter().any(|result| result.rule == rule.name) {
            let message = format!(
                "no test is decided by `{}`; add one, so that a later change cannot break it",
                rule.name
            );
            findings.push(finding(Severity::Warning, &["rules"], Some(position), message));
        }
    }
}

fn past(ruleset: &Ruleset, now: Timestamp, findings: &mut Vec<Finding>) {
    for calendar in &ruleset.calendars {
        let today = calendar.timezone.to_datetime(now).date();
        for (position, day) in
            calendar.overrides.iter().enumerate().filter(|(_, day)| day.dates.are_over(today))
        {
            let name = day.name.as_deref().unwrap_or("the override");
            let message = format!("{name} ({}) is past; remove it", day.dates);
            let place = ["calendars", &calendar.name, "overrides"];
            findings.push(finding(Severity::Warning, &place, Some(position), message));
        }
    }
    for (position, rule) in ruleset.rules.iter().enumerate() {
        if rule.until.is_some_and(|until| until <= now) {
            let message = format!("the time of `{}` is over; remove it, or change `until`", rule.name);
            findings.push(finding(Severity::Warning, &["rules"], Some(position), message));
        }
    }
}

fn unused(ruleset: &Ruleset, findings: &mut Vec<Finding>) {
    let mut pools = vec![false; ruleset.pools.len()];
    let mut calendars = vec![false; ruleset.calendars.len()];
    pools[ruleset.default] = true;
    ruleset.emergency.iter().for_each(|emergency| pools[emergency.pool] = true);
    for rule in &ruleset.rules {
        for step in &rule.then {
            match step {
                Step::Pool(pool) | Step::LastAgent { pool, .. } => pools[*pool] = true,
                Step::Split { to, .. } => to.iter().for_each(|share| pools[share.pool] = true),
                Step::Fail(_) => {}
            }
        }
        mark_calendars(&rule.when, &mut calendars);
    }
    for pool in &ruleset.pools {
        pool.calendar.iter().for_each(|calendar| calendars[*calendar] = true);
    }
    let mut warn = |section: &str, name: &str| {
        let message = format!("nothing uses `{name}`; use it, or remove it");
        findings.push(finding(Severity::Warning, &[section, name], None, message));
    };
    ruleset.pools.iter().zip(pools).filter(|(_, used)| !used).for_each(|(pool, _)| warn("pools", &pool.name));
    let calendars = ruleset.calendars.iter().zip(calendars).filter(|(_, used)| !used);
    calendars.for_each(|(calendar, _)| warn("calendars", &calendar.name));
}

fn mark_calendars(condition: &Condition, used: &mut [bool]) {
    if let Condition::Open { calendar, .. } = condition {
        used[*calendar] = true;
    }
    condition.parts().iter().for_each(|part| mark_calendars(part, used));
}

fn surprising(ruleset: &Ruleset, findings: &mut Vec<Finding>) {
    let default = &ruleset.pools[ruleset.default];
    if default.calendar.is_some() {
        let message = format!(
            "`{}` is closed at times, and then nothing of this document answers; take a pool without a calendar",
            default.name
        );
        findings.push(finding(Severity::Warning, &["default", "pool"], None, message));
    }
    if ruleset.emergency.is_some_and(|emergency| emergency.on) {
        let message = "the switch is on: everything goes to this pool, and no rule is asked".to_owned();
        findings.push(finding(Severity::Warning, &["emergency", "on"], None, message));
    }
}

/// Hours without a zone. Such a document is read all the same, in UTC: earlier versions published some.
fn zone(ruleset: &Ruleset, findings: &mut Vec<Finding>) {
    let rule = |rule: &Rule| rule.from.is_some() || rule.until.is_some() || tells_time(&rule.when);
    if !ruleset.names_timezone && (!ruleset.calendars.is_empty() || ruleset.rules.iter().any(rule)) {
        let message = "hours and dates need a `timezone`, and there is none; write the zone whose clocks count, such as \
                       `timezone: Asia/Shanghai` (or `timezone: UTC`)";
        findings.push(finding(Severity::Error, &[], None, message.to_owned()));
    }
}

fn tells_time(condition: &Condition) -> bool {
    matches!(condition, Condition::Between(_)) || condition.parts().iter().any(tells_time)
}
