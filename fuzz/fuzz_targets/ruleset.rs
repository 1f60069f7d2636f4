//! Whatever is given to the loader of rulesets: it never panics, a document that it refuses has
//! something wrong with it, and one that it accepts can be checked and can decide.

#![no_main]

use desk_webhooks::routing::{Facts, Question, check, decide, explain, loadable, read};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(document) = serde_json::from_str(text) else { return };
    let ruleset = match read(&document) {
        Ok(ruleset) => ruleset,
        Err(findings) => return assert!(!findings.is_empty(), "refused without a reason"),
    };
    let results = check::run_tests(&ruleset);
    check::findings(&ruleset, &results, Timestamp::UNIX_EPOCH);
    let mut facts = ruleset.tests.first().map_or_else(Facts::default, |test| test.given.clone());
    for known in [true, false] {
        let question = Question::new(&ruleset, &facts, Timestamp::UNIX_EPOCH);
        let explanation = explain(&question);
        explanation.because(&question);
        assert_eq!(explanation.decision.answer, decide(&question).answer, "decided otherwise a second time");
        if known {
            facts = Facts::default();
        }
    }
    assert!(read(&loadable(&document)).is_ok(), "what functions load is refused");
});
