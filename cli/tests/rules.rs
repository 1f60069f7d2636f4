//! The real command: rules, from a first file to what is in force.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{APP, desk, file, on, path, starter};
use desk_local::stage::Stage;
use serde_json::{Value, json};

#[test]
fn a_sound_ruleset_is_good_and_a_broken_one_has_places() {
    let sound = file(&starter());
    let said = desk(&[], &["rules", "check", path(&sound)]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.err.ends_with("good: 3 rules, 3 pools, 6 of 6 tests pass, 0 errors, 0 warnings\n"),
        "{}",
        said.err
    );

    let broken = starter()
        .replace("user_tag: vip", "user_tga: vip")
        .replace("then:\n      - pool: general", "then: []");
    let broken = file(&broken);
    let said = desk(&[], &["rules", "check", path(&broken)]);
    assert_eq!(said.code, Some(1));
    let place = |line: &str| said.err.contains(&format!("{}:{line}", path(&broken)));
    assert!(place("22:5: error: rules[0].then: the list is empty"), "{}", said.err);
    assert!(
        place(
            "27:7: error: rules[1].when.user_tga: `user_tga` is no known condition; did you mean `user_tag`?"
        ),
        "{}",
        said.err
    );

    let failing = file(&starter().replace("expect: { rule: default, group: 6500 }", "expect: { rule: vip }"));
    let said = desk(&[], &["rules", "check", path(&failing)]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("fails: rule: expected vip, got default"), "{}", said.err);
    assert!(!said.err.contains('\u{1b}'), "no colour where there is no terminal");

    let said = desk(&[], &["rules", "check", "/nowhere.yaml"]);
    assert!(said.code == Some(1) && said.err.starts_with("error: /nowhere.yaml: "), "{}", said.err);
}

#[tokio::test]
async fn rules_are_published_listed_and_shown_as_written() {
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    let said = on(&stage, &["rules", "list", APP[0], APP[1]]).await;
    assert!(
        said.code == Some(1) && said.err.contains("nothing is published for app 1400000001"),
        "{}",
        said.err
    );
    for version in ["1", "2"] {
        let said = on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1], "--note", "night"]).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(
            said.out.starts_with(&format!("published: version {version} is active for app 1400000001")),
            "{}",
            said.out
        );
    }
    let said = on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1], "--expect", "1"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("error: version 2 is active since "), "{}", said.err);

    let said = on(&stage, &["rules", "list", APP[0], APP[1]]).await;
    let rows: Vec<_> = said.out.lines().collect();
    assert_eq!(rows.len(), 5, "{}", said.out);
    assert!(rows[0].starts_with("version") && rows[0].contains("Asia/Shanghai"));
    assert!(
        rows[1].starts_with("2        active") && rows[1].ends_with("ines  6 passed  night"),
        "{}",
        said.out
    );
    assert!(
        rows[4].starts_with("Version 2 is in force since ") && rows[4].ends_with(", by ines: night"),
        "{}",
        said.out
    );
    let said = on(&stage, &["rules", "list", APP[0], APP[1], "--json"]).await;
    let listed: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&listed[0]["version"], &listed[0]["active"], &listed[1]["active"]),
        (&json!(2), &json!(true), &json!(false))
    );
    assert_eq!(on(&stage, &["rules", "show", APP[0], APP[1]]).await.out, starter());
    let said = on(&stage, &["rules", "show", "9", APP[0], APP[1]]).await;
    assert!(said.code == Some(1) && said.err.contains("has no version 9"), "{}", said.err);

    let broken = file("pools: {}\n");
    let said = on(&stage, &["rules", "publish", path(&broken), APP[0], APP[1]]).await;
    assert!(said.code == Some(1) && said.err.contains("`default` is missing"), "{}", said.err);
    let said = on(&stage, &["rules", "list", APP[0], APP[1], "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap()[0]["version"], 2, "nothing was published");
}

#[tokio::test]
async fn explain_tells_who_serves_and_why() {
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    let question = json!({ "CallbackCommand": "ChatBot.OnAssignHuman", "SessionId": "s", "ClientUserId": "maya", "EventTime": 1_793_584_800_000_u64 });
    let body = file(&question.to_string());
    let event = file(&json!({ "requestContext": {}, "body": question.to_string() }).to_string());
    let given = file(r#"{ "user": { "tags": [] }, "channel": "SDK", "texts": ["Refund!"] }"#);
    for question in [&body, &event] {
        let said = on(
            &stage,
            &["rules", "explain", path(&rules), "--event", path(question), "--given", path(&given), "--json"],
        )
        .await;
        let explained: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(explained["rule"], "refunds");
        assert_eq!(
            explained["answer"],
            json!({
                "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0, "AgentGroupId": 6510, "AgentIdList": ["carla@example.com"],
            })
        );
        assert_eq!(
            explained["because"][1],
            json!({ "rule": "vip", "matched": false, "condition": "user_tag: vip", "saw": "none" })
        );
    }
    let said = on(
        &stage,
        &["rules", "explain", path(&rules), "--event", path(&body), "--at", "2026-11-02T10:00+08:00"],
    )
    .await;
    for line in [
        "Asked at 2026-11-02 10:00:00 (Asia/Shanghai)",
        "  ? vip          user_tag: vip                         saw unknown, not given",
        "Answer by default: group 6500",
    ] {
        assert!(said.out.contains(line), "{line} is not in\n{}", said.out);
    }
    let said = on(&stage, &["rules", "explain", APP[0], APP[1], "--event", path(&body)]).await;
    assert!(said.code == Some(1) && said.err.contains("nothing is published"), "{}", said.err);
    on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    let said = on(&stage, &["rules", "explain", APP[0], APP[1], "--event", path(&body), "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap()["rule"], "default");
}

/// A file that holds the starter with one thing changed.
fn changed(from: &str, to: &str) -> tempfile::NamedTempFile {
    let starter = starter();
    assert!(starter.contains(from), "{from}");
    file(&starter.replacen(from, to, 1))
}

#[test]
fn check_tells_which_rule_is_tested_by_which_test() {
    let rules = file(&starter());
    let said = desk(&[], &["rules", "check", path(&rules)]);
    assert_eq!(
        said.out,
        "\
rule         tested by
asked-again  the second question of a session goes to everybody
vip          a VIP gets the agent of last time first (and 1 more)
refunds      money back, in Chinese
default      a guest of the web page is not sent to refunds (and 1 more)

"
    );
    let untested = changed(
        "  - name: money back, in Chinese",
        "  - name: other\n    at: 2026-11-02T10:00Z\n    expect: { rule: default }\n  - name: money",
    );
    let said = desk(&[], &["rules", "check", path(&untested), "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["good"], said.err.as_str()), (Some(0), &json!(true), ""));
    let broken = changed("- pool: refunds", "- pool: refundz");
    let said = desk(&[], &["rules", "check", path(&broken), "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["good"]), (Some(1), &json!(false)));
    assert_eq!(
        report["findings"][0],
        json!({
            "severity": "error", "line": 41, "column": 9, "path": "rules[2].then[0].pool",
            "message": "`refundz` is no known pool; did you mean `refunds`?",
        })
    );
}

#[test]
fn a_text_that_is_not_even_data_has_a_report_too() {
    let broken = file("pools: {}\nrules: [\n");
    let said = desk(&[], &["rules", "check", path(&broken), "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["good"], &report["tests"]), (Some(1), &json!(false), &json!([])));
    let finding = &report["findings"][0];
    assert_eq!((&finding["severity"], &finding["line"]), (&json!("error"), &json!(3)), "{finding}");
    let said = desk(&[], &["rules", "check", path(&broken)]);
    assert!(said.err.starts_with(&format!("error: {}:3:", path(&broken))), "{}", said.err);
}

#[test]
fn a_file_that_cannot_be_read_has_a_report_too() {
    let bytes = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bytes.path(), [b'p', 0xff]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("rules.yaml");
    for file in [path(&bytes), folder.path().to_str().unwrap(), missing.to_str().unwrap()] {
        let plain = desk(&[], &["rules", "check", file]);
        let said = desk(&[], &["rules", "check", file, "--json"]);
        let report: Value = serde_json::from_str(&said.out).unwrap_or_default();
        let message = report["findings"][0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(file), "{file}: {}", said.out);
        assert_eq!((said.code, &report["good"]), (Some(1), &json!(false)));
        assert_eq!((plain.code, plain.err), (Some(1), format!("error: {message}\n")));
    }
}

#[test]
fn json_of_other_programs_is_read() {
    let document = json!({
        "pools": { "general \u{1f600}": { "group": 6500 } }, "default": { "pool": "general \u{1f600}" },
        "tests": [{ "name": "t", "at": "2027-02-01T10:00Z", "given": { "texts": ["\u{1f600}"] }, "expect": { "group": 6500 } }],
    });
    // As most programs write it: in ASCII alone.
    let rules = file(&document.to_string().replace('\u{1f600}', "\\ud83d\\ude00"));
    let said = desk(&[], &["rules", "check", path(&rules)]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let given = file(r#"{ "texts": ["\ud83d\ude00"] }"#);
    let event = file(r#"{ "CallbackCommand": "ChatBot.OnAssignHuman" }"#);
    let explain = ["rules", "explain", path(&rules), "--event", path(&event), "--given", path(&given)];
    let said = desk(&[], &explain);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn what_is_not_a_number_is_said_without_the_words_of_a_parser() {
    for arguments in [["rules", "show", "latest"], ["rules", "rollback", "1.5"]] {
        let said = desk(&[], &[arguments.as_slice(), &APP].concat());
        assert_eq!(said.code, Some(2));
        assert!(
            said.err.contains("write a whole number, such as 7") && !said.err.contains("digit"),
            "{}",
            said.err
        );
    }
    let rules = file(&starter());
    let event = file(r#"{ "CallbackCommand": 7 }"#);
    let said = desk(&[], &["rules", "explain", path(&rules), "--event", path(&event)]);
    assert!(!said.err.contains(" .:"), "{}", said.err);
}

#[tokio::test]
async fn a_difference_is_told_in_rules_pools_and_answers() {
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    let said = on(&stage, &["rules", "diff", path(&rules), APP[0], APP[1]]).await;
    assert!(
        said.out.ends_with("The rules are the same\n\nEvery test is answered as before\n"),
        "{}",
        said.out
    );
    let other = changed("agents: [anna@example.com, bo@example.com]", "agents: [bo@example.com]");
    let said = on(&stage, &["rules", "diff", path(&other), APP[0], APP[1]]).await;
    let expected = "
pools
  ~ vip
      - agents: [anna@example.com, bo@example.com]
      + agents: [bo@example.com]

tests that are answered otherwise
  a VIP gets the agent of last time first
    - vip: group 6521, agents bo@example.com, anna@example.com
    + vip: group 6521, agents bo@example.com
  a VIP's agent of long ago is no reason to wait
    - vip: group 6521, agents anna@example.com, bo@example.com
    + vip: group 6521, agents bo@example.com
";
    assert!(said.out.starts_with("From version 1 to ") && said.out.ends_with(expected), "{}", said.out);
    let said = on(&stage, &["rules", "diff", path(&other), "1", APP[0], APP[1], "--json"]).await;
    let diff: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&diff["after"], &diff["changes"][0]["change"], &diff["answers"][1]["test"]),
        (&json!("version 1"), &json!("changed"), &json!("a VIP's agent of long ago is no reason to wait"))
    );
    for (arguments, code, message) in [
        (vec!["1", "9", APP[0], APP[1]], 1, "has no version 9"),
        (vec!["1", path(&rules)], 1, "whose version 1?"),
        (vec!["1"], 2, "required arguments"),
    ] {
        let said = on(&stage, &[&["rules", "diff"], arguments.as_slice()].concat()).await;
        assert!(said.code == Some(code) && said.err.contains(message), "{}", said.err);
    }
}

#[tokio::test]
async fn rollback_moves_the_pointer_and_nothing_else() {
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    let said = on(&stage, &["rules", "rollback", APP[0], APP[1]]).await;
    assert!(said.code == Some(1) && said.err.contains("nothing is published"), "{}", said.err);
    for _ in 0..3 {
        on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    }
    let said = on(&stage, &["rules", "rollback", APP[0], APP[1], "--note", "wrong pool"]).await;
    assert_eq!(said.out, "rolled back: version 2 is active for app 1400000001, 3 was\n", "{}", said.err);
    let said = on(&stage, &["rules", "rollback", "1", APP[0], APP[1]]).await;
    assert_eq!(said.out, "rolled back: version 1 is active for app 1400000001, 2 was\n", "{}", said.err);
    for (version, message) in [
        (vec![], "no version before 1"),
        (vec!["1"], "is active already"),
        (vec!["7"], "there is no version 7 of the rules of app 1400000001"),
    ] {
        let said = on(&stage, &[&["rules", "rollback", APP[0], APP[1]], version.as_slice()].concat()).await;
        assert!(said.code == Some(1) && said.err.contains(message), "{}", said.err);
    }
    let said = on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    assert!(said.out.contains("version 4 is active"), "numbers are never used again: {}", said.out);
}

#[tokio::test]
async fn of_two_who_publish_at_once_the_other_is_told_who_was_first() {
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    let publish =
        |author| ["rules", "publish", path(&rules), APP[0], APP[1], "--expect", "1", "--author", author];
    let (ines, jan) = (publish("ines"), publish("jan"));
    let (one, other) = tokio::join!(on(&stage, &ines), on(&stage, &jan));
    let (winner, loser, first) = if one.code == Some(0) { (one, other, "ines") } else { (other, one, "jan") };
    assert_eq!((winner.code, loser.code), (Some(0), Some(1)));
    assert!(
        loser.err.contains("version 2 is active since ")
            && loser.err.contains(&format!(
                "put there by {first}, so nothing was published; see what changed with `desk rules diff "
            )),
        "{}",
        loser.err
    );
}

#[tokio::test]
async fn why_a_session_was_answered_is_decided_again_from_the_record() {
    use desk_webhooks::{
        protocol::{EventTime, Reply},
        routing::{DecisionRecord, FALLBACK, Fact, Facts},
        store::ports::{Asked, RecordDecision},
    };
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    let mut facts = Facts { texts: vec!["refund!".to_owned()].into(), ..Facts::default() };
    facts.channel = Fact::Known(Some("SDK".into()));
    facts.user.id = "maya".to_owned().into();
    facts.user.tags = Vec::new().into();
    let at = "2026-11-02T10:00+08:00".parse().unwrap();
    let refunds = Reply::serve(Some(6510), vec!["carla@example.com".into()]);
    // More than a record has room for.
    let long: String = (1..500_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let much = Facts { texts: vec!["refund!".to_owned(), long].into(), ..facts.clone() };
    for (session, rule, version, answer, facts) in [
        ("s-1", "refunds", Some(1), refunds.clone(), &facts),
        ("s-2", "vip", Some(1), Reply::serve(Some(6521), Vec::new()), &facts),
        ("s-3", FALLBACK, None, Reply::serve(Some(77), Vec::new()), &facts),
        ("s-5", "refunds", Some(1), refunds, &much),
    ] {
        let omitted = Vec::new();
        let record = DecisionRecord { rule: rule.into(), version, answer, facts: facts.clone(), omitted, at };
        let asked = Asked {
            app: APP[1].parse().unwrap(),
            session_id: session,
            user_id: "maya",
            at: EventTime::from_ms(1_793_584_800_000).unwrap(),
        };
        stage.store().record(asked, &record, 1_793_584_800_000).await.unwrap();
    }
    let explain = |session| on_session(&stage, session, false);
    let said = explain("s-1").await;
    assert!(
        said.out.starts_with("Question 1 of 1 of session s-1, by version 1 of the rules\n"),
        "{}{}",
        said.out,
        said.err
    );
    assert!(
        said.out.ends_with("This is what was answered by refunds: group 6510, agents carla@example.com\n"),
        "{}",
        said.out
    );
    let said = explain("s-2").await;
    assert!(
        said.out.ends_with("This version of desk decides otherwise. Answered was by vip: group 6521\n"),
        "{}",
        said.out
    );
    let said = explain("s-3").await;
    assert!(said.code == Some(1) && said.err.contains("no ruleset was at hand"), "{}", said.err);
    let said = explain("s-4").await;
    assert!(said.code == Some(1) && said.err.contains("no question of session s-4"), "{}", said.err);
    let said = explain("s-5").await;
    let notice = "Not recorded, or not readable: texts. Conditions on them are unknown below.\n";
    let end = "Without texts, the rules decide otherwise. Answered was by refunds: group 6510, agents carla@example.com\n";
    assert!(said.out.contains(notice) && said.out.ends_with(end), "{}", said.out);
    let told: Value = serde_json::from_str(&on_session(&stage, "s-2", true).await.out).unwrap();
    assert_eq!(
        (&told["rule"], &told["agrees"], &told["recorded"]["rule"]),
        (&json!("refunds"), &json!(false), &json!("vip"))
    );
    let told: Value = serde_json::from_str(&on_session(&stage, "s-5", true).await.out).unwrap();
    assert_eq!((&told["agrees"], &told["omitted"]), (&json!(false), &json!(["texts"])));
}

async fn on_session(stage: &Stage, session: &str, json: bool) -> common::Said {
    let json: &[&str] = if json { &["--json"] } else { &[] };
    on(stage, &[&["rules", "explain", "--session", session, APP[0], APP[1]], json].concat()).await
}

#[test]
fn a_calendar_is_shown_day_by_day_with_what_made_it_so() {
    let rules = file(
        r#"
timezone: Europe/Berlin
holidays:
  de: [{ name: Tag der Arbeit, date: 05-01 }]
calendars:
  support:
    weekly: { mon-fri: ["09:00-12:00", "13:00-17:00"], sat: ["22:00-02:00"] }
    closed_on: [de]
    overrides: [{ name: Sale, date: 2027-05-02, open: ["00:00-24:00"] }]
pools: { general: { group: 1 } }
rules: [{ name: r, when: { open: support }, then: [{ pool: general }] }]
default: { pool: general }
"#,
    );
    let said =
        desk(&[], &["calendar", path(&rules), "support", "--from", "2027-04-30", "--to", "2027-05-03"]);
    assert_eq!(
        said.out,
        "\
date             hours (Europe/Berlin)     because
2027-04-30  Fri  09:00-12:00, 13:00-17:00
2027-05-01  Sat  closed                    holiday Tag der Arbeit (de)
2027-05-02  Sun  00:00-24:00               override Sale
2027-05-03  Mon  09:00-12:00, 13:00-17:00
"
    );
    let said = desk(
        &[],
        &["calendar", path(&rules), "support", "--from", "2027-03-28", "--to", "2027-03-28", "--json"],
    );
    let days: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        days,
        json!([{ "date": "2027-03-28", "hours": [], "because": null, "clock": "clocks go forward 60 min" }])
    );
    for (arguments, message) in [
        (vec!["holiday"], "has no calendar `holiday`; it has support"),
        (vec!["support", "--from", "2027-03-28", "--to", "2027-03-27"], "lies before"),
        (vec!["support", "--from", "2027-03-28", "--to", "2047-03-27"], "more than ten years"),
    ] {
        let said = desk(&[], &[&["calendar", path(&rules)], arguments.as_slice()].concat());
        assert!(said.code == Some(1) && said.err.contains(message), "{}", said.err);
    }
}

#[test]
fn the_schema_is_json_and_knows_every_condition() {
    let said = desk(&[], &["rules", "schema"]);
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    assert!(schema["$defs"]["condition"]["properties"]["custom_data"].is_object());
}

#[test]
fn a_bad_file_is_refused_with_a_reason_and_never_a_panic() {
    let huge = format!(
        "pools: {{ general: {{ group: 1 }} }}\ndefault: {{ pool: general }}\nrules: [{}]\n",
        "{ name: a }, ".repeat(500_000)
    );
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    for (text, message) in [
        (huge.as_str(), "the file has 6 MB; a ruleset has at most 4"),
        (bomb, "anchors (&name) are not part of a ruleset"),
        (&"[".repeat(10_000), "nested deeper than any ruleset needs"),
        (
            &format!("rules: {}{}", "{not: ".repeat(10_000), "}".repeat(10_000)),
            "nested deeper than any ruleset needs",
        ),
        (
            &format!(
                "pools: {{ general: {{ group: 1 }} }}\ndefault: {{ pool: general }}\nrules: [{}]\n",
                "{ name: a }, ".repeat(1000)
            ),
            "and at least 50 more",
        ),
        ("\u{0}\u{1}", "unprintable character"),
        ("- just\n- a list\n", "is a list; write a map"),
        ("42", "is a number; write a map"),
    ] {
        let said = desk(&[], &["rules", "check", path(&file(text))]);
        assert!(said.code == Some(1) && said.err.contains(message), "{message}: {:.600}", said.err);
        assert!(!said.err.contains("panicked") && said.err.len() < 8000, "{:.600}", said.err);
    }
    let mut bytes = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut bytes, &[0xff, 0xfe, 0x00]).unwrap();
    let said = desk(&[], &["rules", "check", path(&bytes)]);
    assert!(said.code == Some(1) && said.err.contains("UTF-8"), "{}", said.err);
}

#[test]
fn every_ruleset_of_the_folder_is_good_and_tests_each_of_its_rules() {
    let folder = desk_local::stage::repository().join("rules");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let rulesets: Vec<_> =
        files.iter().filter(|path| path.extension().is_some_and(|kind| kind == "yaml")).collect();
    assert!(rulesets.len() >= 6);
    for ruleset in rulesets {
        let said = desk(&[], &["rules", "check", ruleset.to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.ends_with("0 errors, 0 warnings\n"), "{}", said.err);
    }
}

#[test]
fn explain_reads_an_event_as_the_function_does() {
    let rules = file(
        "pools: { p: { group: 2 }, g: { group: 1 } }\ndefault: { pool: g }\nrules:\n\
         - { name: ios, when: { platform: ios, client_ip: 198.51.100.0/24 }, then: [{ pool: p }] }\n",
    );
    let events = desk_local::stage::repository().join("events/assign-agent");
    for (event, rule) in [("on-assign-human.json", "ios"), ("base64-body.json", "default")] {
        let event = events.join(event);
        let said =
            desk(&[], &["rules", "explain", path(&rules), "--event", event.to_str().unwrap(), "--json"]);
        let explained: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
        assert_eq!(explained["rule"], rule, "{explained}");
    }
    let given = file(r#"{ "user": { "tag": [] }, "attempt": 0 }"#);
    let said = desk(&[], &["rules", "explain", path(&rules), "--given", path(&given)]);
    let place =
        format!("{}:1:13: error: user.tag: `tag` is no known fact; did you mean `tags`?", path(&given));
    assert!(
        said.code == Some(1) && said.err.contains(&place) && said.err.contains("attempt: 0"),
        "{}",
        said.err
    );
}

#[test]
fn a_difference_that_no_test_shows_is_told_as_well() {
    let rules = |name: &str, on: bool, tier: &str| {
        file(&format!(
            "pools: {{ p: {{ group: 2 }}, g: {{ group: 1 }} }}\ndefault: {{ pool: g }}\nemergency: {{ pool: g, on: {on} }}\n\
             rules:\n- {{ name: {name}, when: {{ user_attribute: {{ tier: {tier} }} }}, then: [{{ split: {{ to: {{ p: 1, g: 1 }} }} }}] }}\n"
        ))
    };
    let diff = |one, other| desk(&[], &["rules", "diff", path(one), path(other)]).out;
    let (before, after) = (rules("old", false, "gold"), rules("new", true, "gold"));
    let said = diff(&before, &after);
    assert!(said.contains("~ new  was old; its name was the salt, so that users are drawn anew"), "{said}");
    assert!(said.ends_with("But the emergency switch is on: no rule is asked.\n"), "{said}");
    let said = diff(&rules("r", false, "5"), &rules("r", false, "\"5\""));
    assert!(
        said.contains("- when: { user_attribute: { tier: 5 } }\n")
            && said.contains("+ when: { user_attribute: { tier: \"5\" } }\n"),
        "{said}"
    );
}
