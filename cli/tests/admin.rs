//! The real command on users, versions and the quarantine, as the wire and the tables show it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use std::{
    collections::HashMap,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use common::{APP, desk, file, on, path, run, starter};
use desk_local::{
    engine::{RULES_TABLE, SESSIONS_TABLE},
    proxy::{Proxy, Verdict},
    stage::Stage,
};
use desk_webhooks::store::ports::{KeepEvents, Quarantine, Received};
use serde_json::{Value, json};

type Item = HashMap<String, AttributeValue>;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.into())
}

async fn attributes_of_maya(stage: &Stage) -> Item {
    let get = stage.client().get_item().table_name(RULES_TABLE);
    let get = get.key("pk", text("APP#1400000001#USER#maya")).key("sk", text("ATTRIBUTES"));
    get.send().await.unwrap().item.unwrap()
}

async fn put_attributes_of_maya(stage: &Stage, more: Item) -> Item {
    let mut item = more;
    item.insert("pk".into(), text("APP#1400000001#USER#maya"));
    item.insert("sk".into(), text("ATTRIBUTES"));
    let put = stage.client().put_item().table_name(RULES_TABLE).set_item(Some(item.clone()));
    put.send().await.unwrap();
    item
}

fn set<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["users", "set", APP[0], APP[1], "maya"], more].concat()
}

#[tokio::test]
async fn only_what_is_named_of_a_user_changes() {
    let stage = Stage::start().await.unwrap();
    let account = "12345678901234567890123";
    let attributes: Item = [
        ("account".to_owned(), number(account)),
        ("visits".to_owned(), number("7")),
        ("trial".to_owned(), AttributeValue::Bool(true)),
        ("regions".to_owned(), AttributeValue::Ss(vec!["apac".into(), "eu".into()])),
        ("limits".to_owned(), AttributeValue::Ns(vec!["0.1".into(), account.into()])),
        ("photo".to_owned(), AttributeValue::B(Blob::new([0xff, 0]))),
        ("tier".to_owned(), text("silver")),
    ]
    .into();
    let tags = AttributeValue::Ss(vec!["new".into(), "vip".into()]);
    let mut expected = put_attributes_of_maya(
        &stage,
        [
            ("tags".to_owned(), tags),
            ("attributes".to_owned(), AttributeValue::M(attributes.clone())),
            ("crm_id".to_owned(), number(account)),
        ]
        .into(),
    )
    .await;
    let said = on(&stage, &set(&["--attribute", "tier=gold", "--tag", "late", "--untag", "new"])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains(&format!("account={account}")), "{}", said.out);
    let mut attributes = attributes;
    attributes.insert("tier".into(), text("gold"));
    expected.insert("attributes".into(), AttributeValue::M(attributes.clone()));
    expected.insert("tags".into(), AttributeValue::Ss(vec!["late".into(), "vip".into()]));
    assert_eq!(attributes_of_maya(&stage).await, expected);

    // A value keeps its stored type, with the digits that were given.
    let longer = "98765432109876543210987";
    let given = format!("account={longer}");
    let said = on(&stage, &set(&["--attribute", &given, "--attribute", "trial=false"])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    attributes.insert("account".into(), number(longer));
    attributes.insert("trial".into(), AttributeValue::Bool(false));
    expected.insert("attributes".into(), AttributeValue::M(attributes.clone()));
    assert_eq!(attributes_of_maya(&stage).await, expected);
    for (value, message) in [
        (
            "visits=many",
            "the attribute `visits` is stored as a number of at most 38 digits without extra zeros, such as 7 or -0.5, and `many` is not one",
        ),
        ("visits=007", "without extra zeros, such as 7 or -0.5, and `007` is not one"),
        ("visits=7.0", "and `7.0` is not one"),
        ("account=123456789012345678901234567890123456789", "at most 38 digits"),
        ("trial=maybe", "stored as a boolean (true or false), and `maybe` is not one"),
        ("regions=eu", "stored as a list, a set or a map, and `eu` is not one"),
    ] {
        let said = on(&stage, &set(&["--attribute", value, "--tag", "unseen"])).await;
        assert!(said.code == Some(1) && said.err.contains(message), "{}", said.err);
        assert_eq!(attributes_of_maya(&stage).await, expected, "{value}");
    }

    let said = on(&stage, &["users", "show", APP[0], APP[1], "maya", "--json"]).await;
    for exact in [format!("\"account\": {longer}"), format!("\"limits\": [0.1,{account}]"), "\"/wA=\"".into()]
    {
        assert!(said.out.contains(&exact), "{exact}: {}", said.out);
    }

    // The last tag of a set takes the set along: DynamoDB has no empty one.
    on(&stage, &set(&["--untag", "late", "--untag", "vip", "--attribute", "tier="])).await;
    attributes.remove("tier");
    expected.insert("attributes".into(), AttributeValue::M(attributes));
    expected.remove("tags");
    assert_eq!(attributes_of_maya(&stage).await, expected);
}

#[tokio::test]
async fn a_list_of_tags_stays_a_list_and_what_rules_cannot_read_is_left_alone() {
    let stage = Stage::start().await.unwrap();
    let list = |tags: &[AttributeValue]| Item::from([("tags".to_owned(), AttributeValue::L(tags.to_vec()))]);
    put_attributes_of_maya(&stage, list(&[text("vip"), text("new")])).await;
    on(&stage, &set(&["--tag", "late", "--untag", "vip", "--language", "en"])).await;
    let item = attributes_of_maya(&stage).await;
    assert_eq!(item["tags"], AttributeValue::L(vec![text("new"), text("late")]));
    assert_eq!(item["language"], text("en"));

    let put = put_attributes_of_maya(&stage, [("tags".to_owned(), text("vip"))].into()).await;
    let said = on(&stage, &set(&["--tag", "late"])).await;
    assert!(
        said.code == Some(1) && said.err.contains("`tags` of this user is not a list or set of texts"),
        "{}",
        said.err
    );
    assert_eq!(attributes_of_maya(&stage).await, put);
}

#[tokio::test]
async fn of_two_who_change_a_user_at_once_neither_is_lost() {
    let stage = Stage::start().await.unwrap();
    let tags = AttributeValue::Ss(vec!["vip".into()]);
    put_attributes_of_maya(&stage, [("tags".to_owned(), tags)].into()).await;
    let endpoint = stage.endpoint();
    let first = AtomicBool::new(true);
    let judge = move |call: &desk_local::proxy::Call<'_>| {
        if call.target.ends_with("UpdateItem") && first.swap(false, Ordering::Relaxed) {
            let env = [("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str())];
            let said = desk(&env, &set(&["--tag", "between", "--attribute", "tier=gold"]));
            assert_eq!(said.code, Some(0), "{}", said.err);
        }
        Verdict::Pass
    };
    let proxy = Proxy::start(&stage.endpoint(), judge).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
    let said = run(&env, &set(&["--tag", "late", "--attribute", "region=eu"])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    let item = attributes_of_maya(&stage).await;
    assert_eq!(item["tags"], AttributeValue::Ss(["between", "late", "vip"].map(String::from).into()));
    let attributes = [("tier".to_owned(), text("gold")), ("region".to_owned(), text("eu"))].into();
    assert_eq!(item["attributes"], AttributeValue::M(attributes));
}

#[tokio::test]
async fn show_tells_the_last_agent_and_rating_of_a_user() {
    let stage = Stage::start().await.unwrap();
    for (kind, more) in [
        ("TransferToHumanSuccess", json!({ "AgentId": "bo@example.com" })),
        ("SatisfactionSelected", json!({ "SatisfactionSelected": 4 })),
    ] {
        let mut body = json!({ "SessionId": "s-1", "Event": kind, "EventTime": 1_793_584_800_000_u64, "ClientUserId": "maya" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = body.to_string();
        let event: desk_webhooks::protocol::SessionEvent = desk_webhooks::protocol::read(&body).unwrap();
        let change = desk_webhooks::session::ProfileChange::of(&event).unwrap();
        let received =
            Received { app: APP[1].parse().unwrap(), body: body.as_ref(), at_ms: 1_793_584_803_000 };
        stage.store().move_profile(received, "maya", event.event_time, &change).await.unwrap();
    }
    let rules = file(&starter());
    on(&stage, &["rules", "publish", path(&rules), APP[0], APP[1]]).await;
    let said = on(&stage, &["users", "show", APP[0], APP[1], "maya"]).await;
    let expected = "  last agent   bo@example.com, 2026-11-02 10:00:00 (Asia/Shanghai)\n  last rating  4 of 5, 2026-11-02 10:00:00 (Asia/Shanghai)\n";
    assert!(said.out.ends_with(expected), "{}{}", said.out, said.err);
    let said = on(&stage, &["users", "show", APP[0], APP[1], "maya", "--json"]).await;
    let known: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&known["last_agent"], &known["last_rating"], &known["last_agent_at"], &known["last_rating_at"]),
        (&json!("bo@example.com"), &json!(4), &json!("2026-11-02T02:00:00Z"), &json!("2026-11-02T02:00:00Z"))
    );
}

/// Runs the command on a proxy; just before its first call of this operation, another person publishes.
async fn with_a_publication_before(
    stage: &Stage,
    operation: &'static str,
    arguments: &[&str],
) -> common::Said {
    let rules = file(&starter());
    let (endpoint, waiting) = (stage.endpoint(), Mutex::new(Some(rules)));
    let judge = move |call: &desk_local::proxy::Call<'_>| {
        if call.target.ends_with(operation)
            && let Some(rules) = waiting.lock().unwrap().take()
        {
            let publish = ["rules", "publish", path(&rules), APP[0], APP[1], "--author", "jan"];
            let said = desk(&[("AWS_ENDPOINT_URL_DYNAMODB", &endpoint)], &publish);
            assert_eq!(said.code, Some(0), "{}", said.err);
        }
        Verdict::Pass
    };
    let proxy = Proxy::start(&stage.endpoint(), judge).await.unwrap();
    run(&[("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())], arguments).await
}

#[tokio::test]
async fn a_version_published_in_between_is_not_replaced_unseen() {
    let stage = Stage::start().await.unwrap();
    let rules = file(&starter());
    let publish = ["rules", "publish", path(&rules), APP[0], APP[1]];
    for _ in 0..2 {
        on(&stage, &publish).await;
    }
    // The first query comes after the version that is shown was read.
    let said = with_a_publication_before(&stage, "Query", &["rules", "rollback", "1", APP[0], APP[1]]).await;
    assert!(
        said.code == Some(1)
            && said.err.starts_with("error: version 3 is active since 20")
            && said.err.contains("(Asia/Shanghai), put there by jan, and 2 was when this rollback began"),
        "{}{}",
        said.out,
        said.err
    );
    let said = with_a_publication_before(&stage, "Query", &publish).await;
    assert!(
        said.code == Some(1)
            && said.err.contains("error: version 4 is active since 20")
            && said.err.contains("(Asia/Shanghai), put there by jan, so nothing was published"),
        "{}{}",
        said.out,
        said.err
    );
    let said = on(&stage, &["rules", "list", APP[0], APP[1], "--json"]).await;
    let listed: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["active"]), (4, &json!(true)), "{}", said.out);
}

#[tokio::test]
async fn a_publication_and_a_rollback_cost_the_same_however_many_versions_there_are() {
    let stage = Stage::start().await.unwrap();
    let proxy = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let endpoint = proxy.endpoint();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*endpoint)];
    // More than 64 KiB, which compress badly: a version takes about 40 KB.
    let noise: String = (0..2000_u32).map(|n| format!("# {}\n", sha256(n))).collect();
    let rules = file(&format!("{}{noise}", starter()));
    let publish = ["rules", "publish", path(&rules), APP[0], APP[1]];
    let rollback = ["rules", "rollback", APP[0], APP[1]];
    let mut read = Vec::new();
    for version in 1..=12 {
        proxy.take_calls();
        let said = run(&env, &publish).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        if version == 3 || version == 12 {
            assert_eq!(run(&env, &rollback).await.code, Some(0));
            let calls = proxy.take_calls().into_iter().filter(|made| made.operation == "Query");
            read.push(calls.map(|made| made.units).collect::<Vec<_>>());
        }
    }
    assert!(read[0].len() == 2 && read[0] == read[1], "{read:?}");
}

fn sha256(number: u32) -> String {
    desk_webhooks::digest::sha256_hex(&number.to_be_bytes())
}

/// Puts entries into the quarantine of 2026-11-02, each with a body of a million characters.
async fn fill_quarantine(stage: &Stage, entries: u64) {
    let app = APP[1].parse().unwrap();
    let body = json!({ "ClientUserId": "li", "More": "a".repeat(1_000_000) }).to_string();
    let received = Received { app, body: body.as_ref(), at_ms: 1_793_584_800_000 };
    stage.store().quarantine(received, "Desk.New", "CallbackCommand is not known").await.unwrap();
    let client = stage.client();
    let query = client.query().table_name(SESSIONS_TABLE).key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(":pk", text("APP#1400000001#QUARANTINE#2026-11-02"));
    let item = query.send().await.unwrap().items.unwrap().remove(0);
    for number in 1..entries {
        let mut item = item.clone();
        item.insert("sk".into(), text(&format!("{}#{}", 1_793_584_800_000 + number, sha256(number as u32))));
        client.put_item().table_name(SESSIONS_TABLE).set_item(Some(item)).send().await.unwrap();
    }
}

/// Runs the command with so many bytes of memory for data; its output goes nowhere.
fn desk_within(kilobytes: u64, stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -d {kilobytes} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_desk")]);
    command.args(arguments).env_clear().env("AWS_ENDPOINT_URL_DYNAMODB", stage.endpoint());
    command.stdout(Stdio::null());
    command
}

#[tokio::test]
async fn a_day_of_quarantine_needs_the_memory_of_one_page() {
    let stage = Stage::start().await.unwrap();
    fill_quarantine(&stage, 250).await;
    let day = ["--day", "2026-11-02"];
    let on_day = |command: &str| [&["quarantine", command, APP[0], APP[1]], &day[..]].concat().join(" ");
    let show = format!("quarantine show 1793584800007 {} {}", APP[0], APP[1]);
    let list_json = on_day("list") + " --json";
    let days = (jiff::Timestamp::now().as_millisecond() as u64 - 1_793_584_800_000) / 86_400_000 + 1;
    let erase = format!("users erase maya --yes --quarantine-days {days} {} {}", APP[0], APP[1]);
    for arguments in [on_day("list"), list_json, show, on_day("replay"), erase] {
        let mut command = desk_within(128 * 1024, &stage, &arguments.split(' ').collect::<Vec<_>>());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn an_entry_of_the_quarantine_is_shown_without_reading_the_others() {
    let stage = Stage::start().await.unwrap();
    fill_quarantine(&stage, 150).await;
    let proxy = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
    let said = run(&env, &["quarantine", "show", "1793584800007", APP[0], APP[1]]).await;
    assert!(said.code == Some(0) && said.out.len() > 1_000_000, "{}", said.err);
    let calls = proxy.take_calls();
    assert!(calls.len() == 1 && calls[0].units <= 2.0, "{calls:?}");
    let day = ["quarantine", "list", APP[0], APP[1], "--day", "2026-11-02"];
    let said = run(&env, &day).await;
    assert_eq!(said.out.lines().count(), 151);
    let queries = proxy.take_calls().into_iter().filter(|made| made.operation == "Query").count();
    assert_eq!(queries, 2, "a page has a hundred entries");
}

/// CloudFormation with one stack, `desk-prod`, which serves two apps; others fail as `failure` says.
async fn cloudformation(failure: &'static str) -> String {
    const XMLNS: &str = r#"xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/""#;
    let answer = move |body: String| async move {
        let ok = axum::http::StatusCode::OK;
        if !body.contains("StackName=desk-prod") {
            let error = format!(
                "<ErrorResponse {XMLNS}><Error><Type>Sender</Type>{failure}</Error><RequestId>r-1</RequestId></ErrorResponse>"
            );
            return (axum::http::StatusCode::BAD_REQUEST, error);
        }
        if body.contains("Action=DescribeStacks&") {
            let parameter = "<member><ParameterKey>SdkAppIds</ParameterKey><ParameterValue>1400000001,1400000002</ParameterValue></member>";
            let stack = format!(
                "<member><StackName>desk-prod</StackName><Parameters>{parameter}</Parameters></member>"
            );
            return (
                ok,
                format!(
                    "<DescribeStacksResponse {XMLNS}><DescribeStacksResult><Stacks>{stack}</Stacks></DescribeStacksResult></DescribeStacksResponse>"
                ),
            );
        }
        let table = |logical: &str, name: &str| {
            format!(
                "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{name}</PhysicalResourceId></member>"
            )
        };
        let tables = table("RulesTable", RULES_TABLE) + &table("SessionsTable", SESSIONS_TABLE);
        (
            ok,
            format!(
                "<DescribeStackResourcesResponse {XMLNS}><DescribeStackResourcesResult><StackResources>{tables}</StackResources></DescribeStackResourcesResult></DescribeStackResourcesResponse>"
            ),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn on_aws<'a>(cloudformation: &'a str, dynamodb: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", "eu-central-1"),
    ]
}

#[tokio::test]
async fn rules_of_an_app_that_the_stack_does_not_serve_are_not_published() {
    let stage = Stage::start().await.unwrap();
    let (url, endpoint) = (cloudformation("").await, stage.endpoint());
    let env = on_aws(&url, &endpoint);
    let rules = file(&starter());
    let publish = |app: &'static str| {
        ["rules", "publish", path(&rules), "--app", app, "--stack", "desk-prod"].map(str::to_owned)
    };
    for (app, force, code) in
        [("1400000002", false, 0), ("1400000003", false, 1), ("140000000", false, 1), ("1400000003", true, 0)]
    {
        let mut arguments = publish(app).to_vec();
        arguments.extend(force.then(|| "--force".to_owned()));
        let said = run(&env, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(said.code, Some(code), "{app} {force}: {}{}", said.out, said.err);
        if code == 1 {
            let expected = format!(
                "error: the stack `desk-prod` in eu-central-1 does not serve app {app}, so nothing was published: \
                 its parameter SdkAppIds is 1400000001,1400000002; check --app, or publish with --force"
            );
            assert!(said.err.contains(&expected), "{}", said.err);
            let said = on(&stage, &["rules", "list", "--app", app]).await;
            assert!(said.err.contains("nothing is published"), "{}{}", said.out, said.err);
        }
    }
}

#[tokio::test]
async fn a_stack_that_cannot_be_read_is_told_in_words() {
    let show = ["users", "show", "maya", APP[0], APP[1], "--stack", "other"];
    for (failure, expected) in [
        (
            "<Code>ValidationError</Code><Message>Stack with id other does not exist</Message>",
            "error: CloudFormation in eu-central-1 does not find the stack `other`: Stack with id other does not exist; check --stack, AWS_REGION and AWS_PROFILE\n",
        ),
        (
            "<Code>AccessDenied</Code><Message>User: ines is not authorized</Message>",
            "the AWS credentials may not read the stack `other` in eu-central-1: User: ines is not authorized; allow cloudformation:DescribeStackResources",
        ),
        (
            "<Code>ExpiredToken</Code><Message>The security token is expired</Message>",
            "does not describe the stack `other`: The security token is expired (ExpiredToken); check your credentials",
        ),
    ] {
        let url = cloudformation(failure).await;
        let said = run(&on_aws(&url, "http://127.0.0.1:1"), &show).await;
        assert!(said.code == Some(1) && said.err.contains(expected), "{}", said.err);
    }
    let said = run(&on_aws("http://127.0.0.1:1", "http://127.0.0.1:1"), &show).await;
    let expected = "error: CloudFormation in eu-central-1 cannot be asked about the stack `other`: ";
    assert!(said.code == Some(1) && said.err.starts_with(expected), "{}", said.err);
    assert!(!said.err.contains(['{', '}']) && !said.err.contains("Error("), "no debug output: {}", said.err);
    let env = [
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let said = run(&env, &show).await;
    assert!(said.err.contains("there is no AWS region to find the stack in; set AWS_REGION"), "{}", said.err);
}
