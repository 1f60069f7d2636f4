//! Mistakes of people are refused with a remedy.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{APP, desk, file, path, starter};
use serde_json::json;

#[test]
fn explain_takes_assignment_requests_alone() {
    let rules = file(&starter());
    let request = json!({ "SessionId": "s", "ClientUserId": "maya" });
    let with = |command: &str| {
        let mut body = request.clone();
        body["CallbackCommand"] = json!(command);
        body.to_string()
    };
    let event = |query: &str| {
        json!({ "requestContext": {}, "rawQueryString": query, "body": request.to_string() }).to_string()
    };
    for (given, told) in [
        (with("ChatBot.OnAssignHuman"), None),
        (with("ChatBot.OnAssignAgent"), None),
        (event("SdkAppid=1400000001&CallbackCommand=ChatBot.OnAssignHuman"), None),
        (with("Desk.SessionEventNotify"), Some("its CallbackCommand is Desk.SessionEventNotify")),
        (event("CallbackCommand=Member.EventNotify"), Some("its CallbackCommand is Member.EventNotify")),
        (with("Brand.New"), Some("its CallbackCommand is Brand.New")),
        (request.to_string(), Some("it has no CallbackCommand")),
        (starter(), Some("it is not a JSON object")),
        ("[]".to_owned(), Some("it is not a JSON object")),
    ] {
        let given = file(&given);
        let said = desk(&[], &["rules", "explain", path(&rules), "--event", path(&given)]);
        match told {
            None => assert_eq!(said.code, Some(0), "{}", said.err),
            Some(told) => {
                let told = format!(
                    "error: {} is not an assignment request: {told}. Give the body of a callback with \
                     CallbackCommand ChatBot.OnAssignHuman or ChatBot.OnAssignAgent, or the API Gateway event \
                     around it\n",
                    path(&given)
                );
                assert_eq!((said.code, said.err, said.out), (Some(1), told, String::new()));
            }
        }
    }
}

#[test]
fn a_list_of_no_sessions_is_no_list() {
    for limit in ["0", "-1", "x"] {
        let said =
            desk(&[], &["sessions", "list", APP[0], APP[1], "--user", "maya", &format!("--limit={limit}")]);
        let told = format!("invalid value '{limit}' for '--limit <COUNT>': write an integer of at least 1");
        assert!(said.code == Some(2) && said.err.contains(&told), "{}", said.err);
    }
}

#[test]
fn a_date_is_refused_with_the_one_to_write_and_without_the_words_of_a_parser() {
    const DATE: &str = "write a date such as 2027-02-01";
    const TIME: &str = "write date, time and offset, such as 2027-02-01T10:00+08:00";
    let february = |remedy: &str| format!("2027-02 has 28 days; {remedy}");
    let of_sessions =
        |command, option| ["sessions", command, APP[0], APP[1], option].map(str::to_owned).to_vec();
    let of_quarantine =
        |command| ["quarantine", command, APP[0], APP[1], "--day"].map(str::to_owned).to_vec();
    let of_calendar = |option| ["calendar", "rules.yaml", "support", option].map(str::to_owned).to_vec();
    for (command, remedy) in [
        (of_sessions("list", "--day"), DATE),
        (of_sessions("export", "--day"), DATE),
        (of_sessions("export", "--since"), DATE),
        (of_sessions("refold", "--since"), DATE),
        (of_quarantine("list"), DATE),
        (of_quarantine("replay"), DATE),
        (of_calendar("--from"), DATE),
        (of_calendar("--to"), DATE),
        (
            ["rules", "explain", "rules.yaml", "--event", "body.json", "--at"].map(str::to_owned).to_vec(),
            TIME,
        ),
    ] {
        for (value, told) in [
            ("2027-2-1", remedy.to_owned()),
            ("today", remedy.to_owned()),
            ("2027-13-01", remedy.to_owned()),
            ("2027-02-00", remedy.to_owned()),
            ("2027-02-30", february(remedy)),
            ("2027-02-29T10:00+08:00", february(remedy)),
            ("2027-02-\u{9000}", remedy.to_owned()),
        ] {
            let arguments: Vec<_> = command.iter().map(String::as_str).chain([value]).collect();
            let said = desk(&[], &arguments);
            let first = said.err.lines().next().unwrap_or_default();
            assert!(first.starts_with(&format!("error: invalid value '{value}' for '--")), "{first}");
            assert!(
                said.code == Some(2) && first.ends_with(&format!(">': {told}")),
                "{arguments:?}: {first}"
            );
        }
    }
}

#[test]
fn a_data_file_that_cannot_be_opened_is_named_with_the_reason_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, taken) = (folder.path().join("missing/desk.sqlite"), folder.path());
    for (data, reason) in [
        (missing.to_str().unwrap(), "No such file or directory (os error 2)"),
        (taken.to_str().unwrap(), "Is a directory (os error 21)"),
        ("/proc/desk.sqlite", "No such file or directory (os error 2)"),
    ] {
        let said = desk(&[], &["dynamodb", "--port", "0", "--data", data]);
        let told = format!(
            "error: cannot open the data file {data} ({reason}); give a file in an existing, writable folder\n"
        );
        assert_eq!((said.code, said.err), (Some(1), told));
    }
}

#[test]
fn a_data_file_that_is_no_database_is_named_and_kept() {
    for content in ["notes", "SQLite format 4 and more"] {
        let notes = file(content);
        let said = desk(&[], &["dynamodb", "--port", "0", "--data", path(&notes)]);
        let told = format!(
            "error: {} is not a data file of this command; give another file, or one that does not exist yet\n",
            path(&notes)
        );
        assert_eq!((said.code, said.err), (Some(1), told));
        assert_eq!(std::fs::read_to_string(notes.path()).unwrap(), content);
    }
}
