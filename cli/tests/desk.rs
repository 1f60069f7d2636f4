//! The real command, on tables in memory.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{APP, desk, on, run};
use desk_local::stage::Stage;
use desk_webhooks::store::ports::{KeepEvents, Received};
use serde_json::{Value, json};

#[test]
fn wrong_usage_exits_2_and_help_has_examples() {
    for arguments in [
        &["fly"][..],
        &["rules", "publish"],
        &["sessions", "list", "--app", "1400000001"],
        &["rules", "list", "--app", "x"],
    ] {
        let said = desk(&[], arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}");
    }
    let commands = [
        "rules init",
        "rules check",
        "rules explain",
        "rules publish",
        "rules list",
        "rules show",
        "rules schema",
        "rules diff",
        "rules rollback",
        "calendar",
        "sessions list",
        "sessions show",
        "sessions refold",
        "sessions export",
        "users set",
        "users show",
        "users erase",
        "quarantine list",
        "quarantine show",
        "send",
        "dynamodb",
    ];
    for command in commands {
        let arguments: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let said = desk(&[], &arguments);
        assert!(said.code == Some(0) && said.out.contains("Example"), "{command}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_user_is_set_and_shown() {
    let stage = Stage::start().await.unwrap();
    let set = [
        "users",
        "set",
        APP[0],
        APP[1],
        "maya",
        "--tag",
        "vip",
        "--tag",
        "new",
        "--language",
        "en",
        "--attribute",
        "tier=gold",
    ];
    assert_eq!(on(&stage, &set).await.code, Some(0));
    on(
        &stage,
        &[
            "users",
            "set",
            APP[0],
            APP[1],
            "maya",
            "--untag",
            "new",
            "--attribute",
            "region=eu",
            "--attribute",
            "tier=",
        ],
    )
    .await;
    let said = on(&stage, &["users", "show", APP[0], APP[1], "maya", "--json"]).await;
    let known: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        known,
        json!({
            "user": "maya", "tags": ["vip"], "language": "en", "attributes": { "region": "eu" },
            "last_agent": null, "last_agent_at": null, "last_rating": null, "last_rating_at": null,
        })
    );
    let said = on(&stage, &["users", "show", APP[0], APP[1], "maya"]).await;
    assert_eq!(
        said.out,
        "User maya of app 1400000001\n  tags         vip\n  language     en\n  attributes   region=eu\n  last agent   none\n  last rating  none\n"
    );
    assert_eq!(
        on(&stage, &["users", "set", APP[0], APP[1], "maya", "--attribute", "tier"]).await.code,
        Some(2)
    );
}

#[tokio::test]
async fn a_session_is_listed_and_told() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let bodies = [
        json!({ "SessionId": "s-1", "Event": "SessionBegin", "EventTime": 1_793_584_800_000_u64, "ClientUserId": "maya", "ChannelType": "Web" }),
        json!({ "SessionId": "s-1", "Event": "Human.AgentSendMsg", "EventTime": 1_793_584_801_500_u64, "ClientUserId": "maya", "AgentId": "bo@example.com", "MsgKey": "1_2_3",
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "你好\nhello" } }, { "MsgType": "TIMFileElem", "MsgContent": { "FileName": "a.pdf", "Url": "https://example.com/a.pdf", "FileSize": 7 } }] }),
        json!({ "SessionId": "s-1", "Event": "Brand.New", "EventTime": 1_793_584_802_000_u64 }),
    ];
    for body in &bodies {
        let text = body.to_string();
        let event = desk_webhooks::protocol::read(&text).unwrap();
        let received =
            Received { app: APP[1].parse().unwrap(), body: text.as_bytes(), at_ms: 1_793_584_803_000 };
        store.append(received, &event).await.unwrap();
        store.ensure_summary(received, &event).await.unwrap();
    }
    let said = on(&stage, &["sessions", "show", "s-1", APP[0], APP[1], "--zone", "Asia/Shanghai"]).await;
    assert_eq!(
        said.out,
        "\
Session s-1 of app 1400000001, times in Asia/Shanghai

2026-11-02
10:00:00.000                  the session begins, by Web
10:00:01.500  bo@example.com  你好
                              hello
                              [file] a.pdf, 7 bytes, https://example.com/a.pdf
10:00:02.000                  Brand.New
"
    );
    let odd = r#"{"SessionId":"odd","Event":"SessionBegin","EventTime":9999999999999}"#;
    let received = Received { app: APP[1].parse().unwrap(), body: odd.as_bytes(), at_ms: 1_793_584_803_000 };
    store.append(received, &desk_webhooks::protocol::read(odd).unwrap()).await.unwrap();
    let said = on(&stage, &["sessions", "show", "odd", APP[0], APP[1], "--zone", "Asia/Shanghai"]).await;
    assert!(said.out.contains("(its time is odd: it came in at 2026-11-02 10:00:03)"), "{}", said.out);
    let said = on(&stage, &["sessions", "show", "s-1", APP[0], APP[1], "--json"]).await;
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["timeline"][1]["body"], &told["timeline"][1]["odd_time"]), (&bodies[1], &json!(false)));
    assert_eq!(
        (&told["timeline"][2]["event"], &told["timeline"][0]["received_at"]),
        (&json!("Brand.New"), &json!("2026-11-02T02:00:03Z"))
    );
    for of in [["--user", "maya"], ["--day", "2026-11-02"]] {
        let said = on(&stage, &["sessions", "list", APP[0], APP[1], of[0], of[1]]).await;
        assert!(said.out.contains("2026-11-02 02:00:00  -       s-1      maya  Web      -"), "{}", said.out);
        let said = on(&stage, &["sessions", "list", APP[0], APP[1], of[0], of[1], "--json"]).await;
        let listed: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(
            listed,
            json!([{
                "session": "s-1", "user": "maya", "channel": "Web", "agent": null,
                "began_at": "2026-11-02T02:00:00Z", "ended_at": null,
            }])
        );
    }
    let said = on(&stage, &["sessions", "refold", APP[0], APP[1], "--user", "maya"]).await;
    assert_eq!(said.out, "refolded: 1 sessions\n", "{}", said.err);
    let said = on(&stage, &["sessions", "show", "s-1", APP[0], APP[1], "--json"]).await;
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&told["summary"]["messages"]["agent"], &told["summary"]["not_understood"]),
        (&json!(1), &json!(1))
    );
    let said = on(&stage, &["sessions", "show", "s-1", APP[0], APP[1]]).await;
    let messages = "\n  messages        0 to the bot, 0 of the bot, 0 to agents, 1 of agents\n\n";
    assert!(said.out.contains(messages), "{}", said.out);
    let said = on(&stage, &["users", "erase", APP[0], APP[1], "maya"]).await;
    assert!(said.code == Some(1) && said.err.contains("nothing was erased"), "{}", said.err);
    let erase = ["users", "erase", APP[0], APP[1], "maya", "--yes", "--quarantine-days", "2"];
    let said = on(&stage, &erase).await;
    let receipt = "erased: 1 sessions with 4 items, 0 of profile and attributes, 0 in quarantine\n";
    assert_eq!(said.out, receipt, "{}", said.err);
    let said = on(&stage, &[erase.as_slice(), &["--json"]].concat()).await;
    assert_eq!(
        serde_json::from_str::<Value>(&said.out).unwrap(),
        json!({ "sessions": 0, "shared": 0, "items": 0, "quarantined": 0, "of_the_user": 0 })
    );
    let said = on(&stage, &["sessions", "show", "none", APP[0], APP[1]]).await;
    assert!(
        said.code == Some(1) && said.err == "error: nothing is known of session none of app 1400000001\n",
        "{}",
        said.err
    );
}

#[tokio::test]
async fn what_was_not_understood_is_listed_and_shown() {
    use desk_webhooks::store::ports::Quarantine;
    let stage = Stage::start().await.unwrap();
    let body = r#"{ "CallbackCommand": "Desk.Brand.New" }"#;
    let received = Received { app: APP[1].parse().unwrap(), body: body.as_bytes(), at_ms: 1_793_584_800_000 };
    stage
        .store()
        .quarantine(received, "Desk.New", "CallbackCommand is not known to this version")
        .await
        .unwrap();
    let said = on(&stage, &["quarantine", "list", APP[0], APP[1], "--day", "2026-11-02"]).await;
    assert!(said.out.contains("2026-11-02 02:00:00  1793584800000#"), "{}{}", said.out, said.err);
    assert!(said.out.trim_end().ends_with("CallbackCommand is not known to this version"), "{}", said.out);
    let said = on(&stage, &["quarantine", "list", APP[0], APP[1], "--day", "2026-11-02", "--json"]).await;
    let listed: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(listed[0]["body"], body);
    let said = on(&stage, &["quarantine", "show", "1793584800000#", APP[0], APP[1]]).await;
    assert_eq!(said.out, format!("{body}\n"));
    // Bytes that are not text are printed without losing any.
    let received = Received { app: APP[1].parse().unwrap(), body: b"\xff\x00", at_ms: 1_793_584_800_500 };
    stage.store().quarantine(received, "Desk.New", "is not UTF-8").await.unwrap();
    let said = on(&stage, &["quarantine", "show", "1793584800500#", APP[0], APP[1]]).await;
    assert!(said.out == "/wA=\n" && said.err.contains("not UTF-8"), "{}{}", said.out, said.err);
    let said = on(&stage, &["quarantine", "list", APP[0], APP[1], "--day", "2026-11-02", "--json"]).await;
    let listed: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&listed[1]["body_base64"], &listed[1]["body"]), (&json!("/wA="), &Value::Null));
    let said = on(&stage, &["quarantine", "show", "1793584800001", APP[0], APP[1]]).await;
    assert!(said.code == Some(1) && said.err.contains("there is no entry 1793584800001"), "{}", said.err);
    let said = on(&stage, &["quarantine", "list", APP[0], APP[1]]).await;
    assert!(said.code == Some(0) && said.err.contains("nothing is in quarantine"), "{}", said.err);
}

#[tokio::test]
async fn what_is_understood_after_an_upgrade_leaves_quarantine() {
    use desk_webhooks::store::ports::{Quarantine, ReadFacts};
    let stage = Stage::start().await.unwrap();
    let store = stage.store().forgetting_after(Some(std::time::Duration::from_secs(100_000_000)));
    let app = APP[1].parse().unwrap();
    let taken = r#"{"SessionId":"s-1","Event":"TransferToHumanSuccess","EventTime":1793584800000,"ClientUserId":"maya","AgentId":"bo"}"#;
    let rested = r#"{"CallbackCommand":"Member.EventNotify","MemberId":"bo","Status":"rest","EventTime":1}"#;
    for (command, body) in [
        ("Desk.SessionEventNotify", taken),
        ("Member.EventNotify", rested),
        ("Desk.New", "{}"),
        ("Desk.SessionEventNotify", "{ }"),
        // The query named no command, and the body named one that was not found in it.
        ("", r#"{"CallbackCommand":"Member.EventNotify","MemberId":"cy","Status":"rest","EventTime":1}"#),
        ("", "{\t}"),
    ] {
        let received = Received { app, body: body.as_bytes(), at_ms: 1_793_584_800_000 };
        store.quarantine(received, command, "of an earlier version").await.unwrap();
    }
    let replay = ["quarantine", "replay", APP[0], APP[1], "--day", "2026-11-02"];
    let said = on(&stage, &replay).await;
    assert_eq!(said.out, "replayed: 3; 3 still not understood\n", "{}", said.err);
    let said = on(&stage, &[replay.as_slice(), &["--json"]].concat()).await;
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap(), json!({ "replayed": 0, "left": 3 }));
    assert_eq!(store.profile(app, "maya").await.unwrap().last_agent.as_deref(), Some("bo"));
    let row = store.session(app, "s-1").await.unwrap().unwrap();
    assert_eq!(row.agent.as_deref(), Some("bo"));
    assert!(row.expires_at >= Some(1_893_584_800), "{row:?}");
    assert_eq!(store.summary(app, "s-1").await.unwrap().unwrap().items, 1);
}

#[tokio::test]
async fn a_list_goes_on_where_the_page_before_ended() {
    let stage = Stage::start().await.unwrap();
    let (store, app) = (stage.store(), APP[1].parse().unwrap());
    for number in 0..120_u64 {
        // What users choose may be made to move the cursor of whoever reads it.
        let session = format!("s-{number}\u{1b}[2J");
        let body = json!({
            "SessionId": session, "Event": "SessionBegin", "EventTime": 1_793_584_800_000 + number,
            "ClientUserId": "maya",
        })
        .to_string();
        let event = desk_webhooks::protocol::read(&body).unwrap();
        store.ensure_summary(Received { app, body: body.as_bytes(), at_ms: 1 }, &event).await.unwrap();
    }
    let list = ["sessions", "list", APP[0], APP[1], "--day", "2026-11-02"];
    let said = on(&stage, &list).await;
    assert_eq!(said.out.lines().count(), 101);
    assert!(!said.out.contains('\u{1b}'), "{}", said.out);
    assert!(said.err == "there are more; go on with --after=$'s-20\\033[2J'\n", "{}", said.err);
    let said = on(&stage, &[list.as_slice(), &["--after", "s-20\u{1b}[2J"]].concat()).await;
    assert_eq!((said.out.lines().count(), said.err.as_str()), (21, ""));
    let said = on(&stage, &[list.as_slice(), &["--limit", "3", "--json"]].concat()).await;
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap().as_array().unwrap().len(), 3);
    let said = on(&stage, &[list.as_slice(), &["--json"]].concat()).await;
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap().as_array().unwrap().len(), 120);
    let said = on(&stage, &[list.as_slice(), &["--after", "none"]].concat()).await;
    assert!(
        said.code == Some(1) && said.err.contains("--after: nothing is known of session none"),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn sessions_are_exported_a_line_each_and_an_export_can_go_on() {
    use desk_webhooks::store::ports::{FoldSessions, Reach};
    let stage = Stage::start().await.unwrap();
    let (store, app) = (stage.store(), APP[1].parse().unwrap());
    for number in 0..130_u64 {
        // Users choose their names: a spreadsheet must not take one for a formula.
        let user = if number == 7 { "=1+1,\"x\"" } else { "maya" };
        let body = json!({
            "SessionId": format!("s-{number}"), "Event": "SessionBegin",
            "EventTime": 1_793_584_800_000 + number * 1000, "ClientUserId": user, "ChannelType": "Web",
        })
        .to_string();
        let event = desk_webhooks::protocol::read(&body).unwrap();
        let received = Received { app, body: body.as_bytes(), at_ms: 1_793_584_800_000 };
        store.append(received, &event).await.unwrap();
        store.ensure_summary(received, &event).await.unwrap();
        store.fold(app, &format!("s-{number}"), Reach::Whole, 1).await.unwrap();
    }
    fn export<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["sessions", "export", APP[0], APP[1]], more].concat()
    }
    let said = on(&stage, &export(&["--day", "2026-11-02"])).await;
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sessions: std::collections::HashSet<_> =
        lines.iter().map(|line| line["session"].as_str().unwrap()).collect();
    assert_eq!((lines.len(), sessions.len()), (130, 130), "{}", said.err);
    assert_eq!(
        (&lines[0]["summary"]["channel"], &lines[0]["timeline"][0]["event"]),
        (&json!("Web"), &json!("SessionBegin"))
    );

    let said = on(&stage, &export(&["--user", "maya", "--format", "csv"])).await;
    let rows: Vec<_> = said.out.lines().collect();
    assert_eq!(rows.len(), 130);
    assert!(rows[0].starts_with("session,user,channel,began_at,"));
    assert!(rows[1].starts_with("s-0,maya,Web,2026-11-02T02:00:00Z,,,"), "{}", rows[1]);
    let odd = on(&stage, &export(&["--user", "=1+1,\"x\"", "--format", "csv"])).await;
    assert!(odd.out.contains("s-7,\"'=1+1,\"\"x\"\"\",Web,"), "{}", odd.out);

    // Behind the hundred-and-first session of the user, across pages.
    let place = "1793584901000:s-101";
    let rest = on(&stage, &export(&["--user", "maya", "--format", "csv", "--resume", place])).await;
    assert_eq!(rest.out.lines().next().unwrap().split(',').next(), Some("s-102"), "{}", rest.err);
    assert_eq!(rest.out.lines().count(), 28);
    let said = on(&stage, &export(&["--user", "maya", "--resume", "nowhere"])).await;
    assert!(
        said.code == Some(1) && said.err.contains("`nowhere` is not a place of this export"),
        "{}",
        said.err
    );
}

/// A server that answers everything with `status` and `body`, and remembers the request.
async fn server(
    status: u16,
    body: &'static str,
) -> (String, tokio::sync::mpsc::UnboundedReceiver<(String, String)>) {
    let (seen, requests) = tokio::sync::mpsc::unbounded_channel();
    let answer = move |request: axum::extract::Request| {
        let seen = seen.clone();
        async move {
            let uri = request.uri().to_string();
            let sent = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            seen.send((uri, String::from_utf8(sent.to_vec()).unwrap())).unwrap();
            (axum::http::StatusCode::from_u16(status).unwrap(), body)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (url, requests)
}

#[tokio::test]
async fn a_callback_is_sent_as_the_platform_would_and_signed() {
    let (url, mut requests) = server(200, r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#).await;
    let to = format!("{url}/session-events/key");
    let message =
        ["send", "--url", &to, APP[0], APP[1], "--session", "s-1", "--user", "maya", "--text", "hello"];
    let said = run(&[("CALLBACK_TOKEN", "xxxxyyyy")], &message).await;
    assert!(said.code == Some(0) && said.out.starts_with("HTTP 200 after "), "{}{}", said.out, said.err);
    let (uri, body) = requests.recv().await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["Event"], &body["MsgBody"][0]["MsgContent"]["Text"]),
        (&json!("ChatBot.UserSendMsg"), &json!("hello"))
    );
    assert!(uri.starts_with("/session-events/key?SdkAppid=1400000001&CallbackCommand=Desk.SessionEventNotify&contenttype=json&"), "{uri}");
    let parameter =
        |name: &str| uri.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)).unwrap().to_owned();
    assert_eq!(parameter("Sign="), desk_webhooks::webhook::sign("xxxxyyyy", &parameter("RequestTime=")));

    let command = ["send", "--url", &to, APP[0], APP[1], "--session", "s-1", "--command", "New &Sign=1"];
    assert_eq!(run(&[], &command).await.code, Some(0));
    let (uri, _) = requests.recv().await.unwrap();
    assert!(uri.contains("&CallbackCommand=New+%26Sign%3D1&contenttype=json&"), "{uri}");

    // The platform needs all three fields, and follows no redirect.
    for (status, reply) in [(200, r#"{"ActionStatus":"OK"}"#), (302, "")] {
        let (url, _requests) = server(status, reply).await;
        let said = run(&[], &["send", "--url", &url, APP[0], APP[1], "--session", "s-1"]).await;
        let told = format!("HTTP {status} after ");
        assert!(said.code == Some(1) && said.out.starts_with(&told), "{}{}", said.out, said.err);
    }
    let (url, _requests) = server(403, r#"{"ActionStatus":"FAIL","ErrorInfo":"no","ErrorCode":1}"#).await;
    let said = run(&[], &["send", "--url", &url, APP[0], APP[1], "--session", "s-1"]).await;
    assert!(said.code == Some(1) && said.out.starts_with("HTTP 403"), "{}", said.out);
    let nobody = "http://127.0.0.1:1/session-events/k3y?Sign=s1gn";
    let said = run(&[], &["send", "--url", nobody, APP[0], APP[1], "--session", "s-1"]).await;
    let told = "error: http://127.0.0.1:1/session-events cannot be reached: ";
    assert!(said.code == Some(1) && said.err.starts_with(told), "{}", said.err);
    assert!(!said.err.contains("k3y") && !said.err.contains("s1gn"), "{}", said.err);
}

#[tokio::test]
async fn a_stack_tells_its_tables() {
    let stage = Stage::start().await.unwrap();
    let described = r#"<DescribeStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStackResourcesResult><StackResources>
        <member><LogicalResourceId>RulesTable</LogicalResourceId><PhysicalResourceId>desk-rules</PhysicalResourceId></member>
        <member><LogicalResourceId>SessionsTable</LogicalResourceId><PhysicalResourceId>desk-sessions</PhysicalResourceId></member>
        </StackResources></DescribeStackResourcesResult></DescribeStackResourcesResponse>"#;
    let (url, mut requests) = server(200, described).await;
    let endpoint = stage.endpoint();
    let env = [
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", url.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let said = run(&env, &["users", "show", "maya", APP[0], APP[1], "--stack", "desk-prod", "--json"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(requests.recv().await.unwrap().1.contains("StackName=desk-prod"));

    let (url, _requests) = server(
        200,
        "<DescribeStackResourcesResponse><DescribeStackResourcesResult/></DescribeStackResourcesResponse>",
    )
    .await;
    let env = [env[1], env[2], env[3], env[4], ("AWS_ENDPOINT_URL_CLOUDFORMATION", url.as_str())];
    let said = run(&env, &["users", "show", "maya", APP[0], APP[1], "--stack", "other"]).await;
    assert!(
        said.err.contains(
            "the stack `other` in eu-central-1 has no RulesTable, so it is not a stack of this project"
        ),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn what_cannot_be_reached_or_is_not_there_is_said_with_what_to_do() {
    let show = ["users", "show", "maya", APP[0], APP[1]];
    let said = run(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")], &show).await;
    assert!(
        said.code == Some(1)
            && said.err.contains(
                "the local tables at http://127.0.0.1:1 are used; start them with `desk dynamodb` or `make run`"
            ),
        "{}",
        said.err
    );
    let said = run(&[("RULES_TABLE", "only")], &show).await;
    assert_eq!(said.err, "error: set both RULES_TABLE and SESSIONS_TABLE, or neither\n");
    let stage = Stage::start().await.unwrap();
    let endpoint = stage.endpoint();
    let env = [
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str()),
        ("RULES_TABLE", "none"),
        ("SESSIONS_TABLE", "none"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let said = run(&env, &show).await;
    let place =
        format!("the tables are `none` and `none` at {endpoint}, from RULES_TABLE and SESSIONS_TABLE; check");
    assert!(
        said.code == Some(1) && said.err.contains("the table does not exist") && said.err.contains(&place),
        "{}",
        said.err
    );
    let env = [env[1], env[2], env[3], env[4], env[5], ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")];
    let said = run(&env, &show).await;
    assert!(
        said.code == Some(1) && said.err.contains("at http://127.0.0.1:1, from RULES_TABLE"),
        "{}",
        said.err
    );
}
