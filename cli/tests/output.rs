//! The output of every command that clap knows, on a terminal, a full disk and a closed pipe.

#![cfg(target_os = "linux")] // /dev/full
#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

#[allow(dead_code)] // the test reads the commands' names alone
#[path = "../src/args.rs"]
mod args;
mod common;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{ErrorKind, Read, Write},
    process::{Command, Stdio},
};

use clap::CommandFactory;
use common::{APP, file, path};
use desk_local::stage::Stage;
use desk_webhooks::{
    protocol::{self, EventTime, Reply},
    routing::{DecisionRecord, Facts},
    store::{
        Publication,
        ports::{Asked, FoldSessions, KeepEvents, Quarantine, Reach, Received, RecordDecision},
    },
};
use rustix::{
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// Sets the title, clears the screen, blinks; the same introducer in one character; delete, a turn of the
/// direction, a line separator; and a line that looks like one of ours.
const HOSTILE: &str =
    "h\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[5m\u{9b}2J\u{7f}\u{202e}\u{2028}\r\t\u{8}\nFAKE 'row' $(x)";

/// The time of everything that is seeded.
const AT_MS: u64 = 1_793_584_800_000;
const DAY: &str = "2026-11-02";

/// A command with its arguments, and the lines that it shows on a terminal if they are counted.
struct Case {
    command: &'static str,
    arguments: Vec<String>,
    lines: Option<usize>,
}

/// Tables, files and a server that contain hostile text wherever someone else may write.
struct World {
    stage: Stage,
    url: String,
    rules: NamedTempFile,
    changed: NamedTempFile,
    request: NamedTempFile,
}

impl World {
    async fn new() -> Self {
        let stage = Stage::start().await.unwrap();
        let url = server().await;
        let request = json!({
            "CallbackCommand": "ChatBot.OnAssignHuman", "SessionId": HOSTILE, "ClientUserId": HOSTILE,
        });
        let world = Self {
            stage,
            url,
            rules: file(&ascii(&ruleset(7))),
            changed: file(&ascii(&ruleset(8))),
            request: file(&request.to_string()),
        };
        world.seed().await;
        world
    }

    async fn seed(&self) {
        let (store, app) = (self.stage.store(), APP[1].parse().unwrap());
        for group in [7, 8] {
            let document = ruleset(group);
            let publication = Publication {
                source: "# \u{1b}[2J\u{9b}2J\u{202e}\r\nrules: []\r\n",
                document: &document,
                author: HOSTILE,
                note: HOSTILE,
                at_ms: AT_MS + group,
                tests: 1,
            };
            let seen = store.rules_in_force(app).await.unwrap();
            store.publish(app, publication, seen.as_ref()).await.unwrap();
        }
        for session in [HOSTILE, "s-2"] {
            for body in [
                json!({ "SessionId": session, "Event": "SessionBegin", "EventTime": AT_MS, "ClientUserId": HOSTILE,
                    "ChannelType": HOSTILE }),
                json!({ "SessionId": session, "Event": "TransferToHumanSuccess", "EventTime": AT_MS + 1,
                    "ClientUserId": HOSTILE, "AgentId": HOSTILE }),
                json!({ "SessionId": session, "Event": "Human.AgentSendMsg", "EventTime": AT_MS + 2,
                    "ClientUserId": HOSTILE, "AgentId": HOSTILE, "MsgKey": HOSTILE,
                    "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": HOSTILE } }] }),
                json!({ "SessionId": session, "Event": HOSTILE, "EventTime": AT_MS + 3 }),
            ] {
                let body = body.to_string();
                let event = protocol::read(&body).unwrap();
                let received = Received { app, body: body.as_bytes(), at_ms: AT_MS };
                store.append(received, &event).await.unwrap();
                store.ensure_summary(received, &event).await.unwrap();
            }
            store.fold(app, session, Reach::Whole, AT_MS).await.unwrap();
        }
        let asked =
            Asked { app, session_id: HOSTILE, user_id: HOSTILE, at: EventTime::from_ms(AT_MS).unwrap() };
        let mut facts = Facts::default();
        facts.user.id = HOSTILE.to_owned().into();
        facts.user.tags = vec![HOSTILE.to_owned()].into();
        let answer = Reply::serve(Some(7), vec![HOSTILE.into()]);
        let at = "2026-11-02T10:00Z".parse().unwrap();
        let record =
            DecisionRecord { rule: HOSTILE.into(), version: Some(1), answer, facts, omitted: Vec::new(), at };
        store.record(asked, &record, AT_MS).await.unwrap();
        let body = json!({ "CallbackCommand": HOSTILE }).to_string();
        let received = Received { app, body: body.as_bytes(), at_ms: AT_MS };
        store.quarantine(received, HOSTILE, HOSTILE).await.unwrap();
    }

    /// Every command, in an order in which each has something to show.
    fn cases(&self) -> Vec<Case> {
        let (rules, changed, request) = (path(&self.rules), path(&self.changed), path(&self.request));
        let mut cases = Vec::new();
        let mut case = |command: &'static str, arguments: &[&str], lines: Option<usize>| {
            let arguments = arguments.iter().map(ToString::to_string).collect();
            cases.push(Case { command, arguments, lines });
        };
        let on_app = |arguments: &[&'static str]| [arguments, &APP].concat();
        case("rules init", &[], None);
        case("rules schema", &[], None);
        case("rules check", &[rules], None);
        case("rules explain", &[rules, "--event", request], None);
        case("rules explain", &on_app(&["--session", HOSTILE]), None);
        case("rules diff", &[rules, changed], Some(11));
        case("rules list", &APP, Some(5));
        case("rules show", &APP, Some(2));
        case("calendar", &[rules, HOSTILE, "--from", "2027-02-01", "--to", "2027-02-02"], Some(3));
        case("sessions list", &on_app(&["--day", DAY]), Some(3));
        case("sessions list", &on_app(&["--user", HOSTILE, "--limit", "1"]), Some(3));
        case("sessions list", &on_app(&["--day", DAY, "--after", HOSTILE]), None);
        case("sessions export", &on_app(&["--day", DAY]), Some(3));
        case("sessions export", &on_app(&["--user", HOSTILE, "--format", "csv"]), Some(4));
        case("sessions show", &on_app(&[HOSTILE]), None);
        case("sessions refold", &on_app(&["--day", DAY]), Some(1));
        case("quarantine list", &on_app(&["--day", DAY]), Some(2));
        case("quarantine show", &on_app(&["1793584800000#"]), Some(1));
        case("quarantine replay", &on_app(&["--day", DAY]), Some(1));
        let attribute = format!("{HOSTILE}={HOSTILE}");
        let set =
            [HOSTILE, "--tag", HOSTILE, "--language", HOSTILE, "--attribute", &attribute, APP[0], APP[1]];
        case("users set", &set, Some(6));
        case("users show", &on_app(&[HOSTILE]), Some(6));
        case("send", &["--url", &self.url, "--session", HOSTILE, APP[0], APP[1]], Some(2));
        case("doctor", &["--url", &self.url, APP[0], APP[1]], None);
        case("rules publish", &[rules, "--note", HOSTILE, APP[0], APP[1]], None);
        case("rules rollback", &on_app(&["--note", HOSTILE]), Some(1));
        case("users erase", &on_app(&[HOSTILE, "--yes", "--quarantine-days", "1"]), None);
        case("dynamodb", &["--port", "0"], Some(1));
        let tried: BTreeSet<_> = cases.iter().map(|case| case.command.to_owned()).collect();
        let known: BTreeSet<_> = commands().into_iter().map(|(command, _)| command).collect();
        assert_eq!(tried, known, "each command needs a case here");
        cases
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
        command.args(words).env_clear().stdin(Stdio::null());
        command.env("USER", HOSTILE).env("TERM", "xterm-256color");
        command.env("AWS_ENDPOINT_URL_DYNAMODB", self.stage.endpoint());
        command
    }
}

/// True if the command line changes something.
fn changes(words: &[&str]) -> bool {
    let command = &words[..words.len().min(2)];
    let changing = [
        ["rules", "publish"],
        ["rules", "rollback"],
        ["sessions", "refold"],
        ["quarantine", "replay"],
        ["users", "set"],
        ["users", "erase"],
    ];
    !words.contains(&"--help") && (changing.iter().any(|known| command == known) || command[0] == "send")
}

/// The commands without subcommands, and which of them print JSON on demand.
fn commands() -> Vec<(String, bool)> {
    fn walk(command: &clap::Command, above: &str, found: &mut Vec<(String, bool)>) {
        for command in command.get_subcommands() {
            let name = format!("{above}{}", command.get_name());
            if command.has_subcommands() {
                walk(command, &format!("{name} "), found);
            } else {
                found.push((name, command.get_arguments().any(|argument| argument.get_id() == "json")));
            }
        }
    }
    let mut found = Vec::new();
    walk(&args::Arguments::command(), "", &mut found);
    found
}

/// A ruleset whose names are hostile, and in which `group` is all that may change.
fn ruleset(group: u64) -> Value {
    json!({
        "timezone": "UTC",
        "calendars": { HOSTILE: {
            "weekly": { "mon": ["09:00-17:00"] },
            "overrides": [{ "name": HOSTILE, "date": "2027-02-02", "closed": true }],
        } },
        "pools": {
            HOSTILE: { "group": group, "agents": [HOSTILE], "calendar": HOSTILE },
            "open": { "group": 1 },
        },
        "rules": [{ "name": HOSTILE, "when": { "user_tag": HOSTILE }, "then": [{ "pool": HOSTILE }] }],
        "default": { "pool": "open" },
        "tests": [{
            "name": HOSTILE, "at": "2027-02-01T10:00Z", "given": { "user": { "tags": [HOSTILE] } },
            "expect": { "rule": HOSTILE },
        }],
    })
}

/// JSON whose text is ASCII, as a file of rules may hide what it contains.
fn ascii(value: &Value) -> String {
    let escaped = |character: char| match character {
        ' '..='~' => character.to_string(),
        other => format!("\\u{:04x}", u32::from(other)),
    };
    value.to_string().chars().map(escaped).collect()
}

/// A server that answers everything with hostile text.
async fn server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/session-events", listener.local_addr().unwrap());
    let answer = |_: axum::body::Bytes| async { HOSTILE };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

/// Runs the command on a terminal. Returns its exit code and all that the terminal was sent. A command that
/// serves until it is stopped is stopped after its first line.
fn on_terminal(mut command: Command, serves: bool) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let inside = File::from(ioctl_tiocgptpeer(&terminal, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    tcsetwinsize(&inside, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let stdio = || inside.try_clone().unwrap();
    let mut child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
    // The terminal ends when its inner side is closed everywhere.
    drop((command, inside));
    let (mut shown, mut part) = (Vec::new(), [0; 4096]);
    let mut terminal = File::from(terminal);
    loop {
        match terminal.read(&mut part) {
            Ok(0) => break,
            Ok(length) => shown.extend_from_slice(&part[..length]),
            // The inner side is closed.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
        if serves && shown.contains(&b'\n') {
            child.kill().unwrap();
        }
    }
    (child.wait().unwrap().code(), String::from_utf8(shown).unwrap())
}

/// Returns the lines that a terminal was sent, if nothing but line ends and the command's own colors controls
/// it.
fn lines(what: &[&str], shown: &str) -> Vec<String> {
    let mut text = shown.replace("\r\n", "\n");
    for color in ["0", "1", "2", "4", "31", "32", "33", "36"] {
        text = text.replace(&format!("\u{1b}[{color}m"), "");
    }
    let controls = |character: char| {
        character.is_control() && character != '\n'
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(controls), "{what:?}: {shown:?}");
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert!(!lines.iter().any(|line| line.starts_with("FAKE")), "{what:?}: {shown}");
    lines
}

/// Runs `check` with the tables of a world, away from the thread that serves.
async fn in_a_world(check: impl FnOnce(&World) + Send + 'static) {
    let world = World::new().await;
    tokio::task::spawn_blocking(move || check(&world)).await.unwrap();
}

#[tokio::test]
async fn no_command_lets_data_control_a_terminal() {
    in_a_world(|world| {
        let json: BTreeSet<_> =
            commands().into_iter().filter(|(_, json)| *json).map(|(name, _)| name).collect();
        for Case { command, arguments, lines: expected } in world.cases() {
            let words: Vec<_> = command.split(' ').chain(arguments.iter().map(String::as_str)).collect();
            if json.contains(command) {
                let words = [words.as_slice(), &["--json"]].concat();
                let (code, shown) = on_terminal(world.command(&words), false);
                lines(&words, &shown);
                assert!(code == Some(0) || command == "doctor", "{words:?}: {shown}");
            }
            let serves = command == "dynamodb";
            let (code, shown) = on_terminal(world.command(&words), serves);
            let shown_lines = lines(&words, &shown);
            let fails = ["send", "doctor"].contains(&command);
            assert!(serves || code == Some(i32::from(fails)), "{words:?}: {shown}");
            if let Some(expected) = expected {
                assert_eq!(shown_lines.len(), expected, "{words:?}: {shown}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_message_lets_data_control_a_terminal() {
    in_a_world(|world| {
        let broken = file(&ascii(&json!({ HOSTILE: 1, "pools": { HOSTILE: { HOSTILE: HOSTILE } } })));
        let twice = format!("{}: 1\n{}: 1\n", ascii(&json!(HOSTILE)), ascii(&json!(HOSTILE)));
        let (twice, rules) = (file(&twice), path(&world.rules));
        let day = ["--day", DAY];
        for (code, words) in [
            (2, &[HOSTILE][..]),
            (2, &["rules", HOSTILE]),
            (2, &["sessions", "list", "--app", HOSTILE, day[0], day[1]]),
            (2, &["sessions", "list", APP[0], APP[1], "--day", HOSTILE]),
            (1, &["rules", "check", path(&broken)]),
            (1, &["rules", "check", path(&twice)]),
            (1, &["rules", "check", HOSTILE]),
            (1, &["calendar", rules, HOSTILE, "--from", "2027-02-02", "--to", "2027-02-01"]),
            (1, &["calendar", rules, "other"]),
            (1, &["rules", "diff", HOSTILE, rules]),
            (1, &["rules", "publish", rules, APP[0], APP[1], "--expect", "7"]),
            (1, &["rules", "explain", rules, "--event", rules]),
            (1, &["rules", "explain", APP[0], APP[1], "--session", "x\nFAKE"]),
            (1, &["sessions", "show", "x\nFAKE", APP[0], APP[1]]),
            (1, &["sessions", "show", HOSTILE, APP[0], APP[1], "--zone", HOSTILE]),
            (1, &["sessions", "list", APP[0], APP[1], day[0], day[1], "--after", "x\nFAKE"]),
            (1, &["sessions", "export", APP[0], APP[1], day[0], day[1], "--resume", HOSTILE]),
            (1, &["quarantine", "show", HOSTILE, APP[0], APP[1]]),
            (1, &["users", "erase", HOSTILE, APP[0], APP[1]]),
            (1, &["send", "--url", HOSTILE, "--session", HOSTILE, APP[0], APP[1]]),
            (1, &["dynamodb", "--data", HOSTILE, "--port", HOSTILE]),
            (0, &["rules", "publish", "--help"]),
        ] {
            let mut command = world.command(words);
            // A file that is created by mistake is created there.
            command.current_dir(std::env::temp_dir());
            let code = if words.contains(&"dynamodb") { 2 } else { code };
            let (ended, shown) = if words.starts_with(&["users"]) {
                let output = command.output().unwrap();
                (output.status.code(), String::from_utf8(output.stderr).unwrap())
            } else {
                on_terminal(command, false)
            };
            lines(words, &shown);
            assert_eq!(ended, Some(code), "{words:?}: {shown}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_hint_for_the_next_page_can_be_pasted_into_a_shell() {
    in_a_world(|world| {
        let (session, app) = (HOSTILE, APP[1]);
        let first = ["sessions", "list", APP[0], app, "--user", HOSTILE, "--limit", "1"];
        let output = world.command(&first).output().unwrap();
        let hint = String::from_utf8(output.stderr).unwrap();
        let after = hint.trim_end().rsplit_once("go on with ").unwrap().1;
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("printf %s {after}")]);
        let read = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        assert!([session, "s-2"].map(|session| format!("--after={session}")).contains(&read), "{hint}");
    })
    .await;
}

#[tokio::test]
async fn every_command_fails_if_its_output_cannot_be_written() {
    in_a_world(|world| {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let json: BTreeSet<_> =
            commands().into_iter().filter(|(_, json)| *json).map(|(name, _)| name).collect();
        let mut all = vec![vec!["--version".to_owned()], vec!["--help".to_owned()]];
        for Case { command, arguments, .. } in world.cases() {
            let words = |more: &[String]| -> Vec<String> {
                command.split(' ').map(str::to_owned).chain(more.iter().cloned()).collect()
            };
            all.push(words(&["--help".to_owned()]));
            if json.contains(command) {
                all.push(words(&[arguments.as_slice(), &["--json".to_owned()]].concat()));
            }
            all.push(words(&arguments));
        }
        let read_only = || File::open("/dev/null").unwrap();
        for words in all {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            for (out, reason) in [(full(), "No space left"), (read_only(), "Bad file descriptor")] {
                let output = world.command(&words).stdout(out).output().unwrap();
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
                assert!(
                    said.contains(&format!("cannot write to standard output: {reason}")),
                    "{words:?}: {said}"
                );
                let is_change = said.contains(", but cannot write");
                assert_eq!(is_change, changes(&words), "{words:?}: {said}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_pipe_is_no_error_and_changes_no_verdict() {
    in_a_world(|world| {
        let broken = file("pools: {}\n");
        let no_data = file("rules: [\n");
        // A ruleset whose test fails has a table of its tests.
        let mut fails_its_test = ruleset(7);
        fails_its_test["tests"][0]["expect"]["rule"] = json!("default");
        let fails_its_test = file(&ascii(&fails_its_test));
        let verdicts = [path(&broken), path(&no_data), path(&fails_its_test), "/missing/rules.yaml"]
            .into_iter()
            .flat_map(|rules| [vec!["rules", "check", rules], vec!["rules", "check", rules, "--json"]]);
        let verdicts = verdicts.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let mut all: Vec<_> = verdicts.map(|words| (words, 1)).collect();
        for Case { command, arguments, .. } in world.cases() {
            // Hostile answers of the server.
            let fails = i32::from(["send", "doctor"].contains(&command));
            let words = command.split(' ').map(str::to_owned).chain(arguments);
            all.push((words.collect(), fails));
        }
        for (words, code) in all {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let output = world.command(&words).stdout(writer).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
            assert!(!said.contains("standard output") && !said.contains("panicked"), "{words:?}: {said}");
            assert!(code != 0 || !said.contains("error:"), "{words:?}: {said}");
        }
    })
    .await;
}

#[test]
fn a_lost_standard_error_changes_no_exit_code() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut rules = NamedTempFile::new().unwrap();
    rules.write_all(common::starter().as_bytes()).unwrap();
    let broken = file("pools: {}\n");
    for (file, code) in [(&rules, 0), (&broken, 1)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
        command.args(["rules", "check", path(file)]).stdout(Stdio::null()).stderr(full());
        assert_eq!(command.status().unwrap().code(), Some(code));
    }
}
