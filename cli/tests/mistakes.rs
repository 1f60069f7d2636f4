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
