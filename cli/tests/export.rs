//! The real command exports sessions: in order, exactly, and resumable wherever it ends.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use common::{APP, on};
use desk_local::{
    proxy::{Proxy, Verdict},
    stage::Stage,
};
use desk_webhooks::store::ports::{KeepEvents, Received};
use serde_json::{Value, json};

const SINCE: [&str; 2] = ["--since", "2026-11-02"];
const FIRST_MS: u64 = 1_793_584_800_000;
const DAY_MS: u64 = 86_400_000;

/// Two days with 40 sessions each, which begin in another order than that of their ids; some begin in the same
/// millisecond.
async fn stage() -> Stage {
    let stage = Stage::start().await.unwrap();
    for number in 0..80_u64 {
        let at = FIRST_MS + number % 2 * DAY_MS + number * 7 % 40 / 3 * 1000;
        keep(&stage, &format!("s {number}\u{1b}'*"), at, "a".repeat(3000).as_str()).await;
    }
    stage
}

async fn keep(stage: &Stage, session: &str, at: u64, more: &str) {
    let body = json!({
        "SessionId": session, "Event": "SessionBegin", "EventTime": at, "ClientUserId": "maya", "More": more,
    });
    keep_body(stage, &body.to_string()).await;
}

async fn keep_body(stage: &Stage, body: &str) {
    let event = desk_webhooks::protocol::read(body).unwrap();
    let received = Received { app: APP[1].parse().unwrap(), body: body.as_ref(), at_ms: FIRST_MS };
    stage.store().append(received, &event).await.unwrap();
    stage.store().ensure_summary(received, &event).await.unwrap();
}

fn export<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["sessions", "export", APP[0], APP[1]], &SINCE[..], more].concat()
}

fn places(out: &str) -> Vec<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (text(&line, "began_at"), text(&line, "session"))).collect()
}

/// The argument that goes on, as the command said it: as a shell would read it.
fn resume_argument(err: &str) -> String {
    let (_, argument) = err.split_once("go on with ").unwrap_or_else(|| panic!("{err}"));
    let script = format!("printf %s {}", argument.lines().next().unwrap());
    let read = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(read.stdout).unwrap()
}

async fn rest(stage: &Stage, err: &str) -> String {
    let argument = resume_argument(err);
    let said = on(stage, &export(&[&argument])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out
}

/// The output after the cut that the command advises: all up to the session that it names.
fn cut_as_advised(out: &[u8], err: &str) -> String {
    let end = out.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let whole_lines = String::from_utf8(out[..end].to_vec()).unwrap();
    let (_, session) = places(&whole_lines).pop().unwrap();
    let advice = format!(
        "if its last whole line is that of session {}, remove what follows this line and go on with --resume=",
        session.replace('\u{1b}', r"\u{1b}")
    );
    assert!(err.contains(&advice), "{session:?}: {err}");
    whole_lines
}

fn send(signal: &str, child: &Child) {
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

fn start(endpoint: &str, out: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    command.args(export(&[])).env_clear().env("AWS_ENDPOINT_URL_DYNAMODB", endpoint);
    command.stdin(Stdio::null()).stdout(out).stderr(Stdio::piped()).spawn().unwrap()
}

async fn ended(child: Child) -> (Option<i32>, String) {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn sessions_come_oldest_first_and_of_one_millisecond_by_their_ids() {
    let stage = stage().await;
    let said = on(&stage, &export(&[])).await;
    let places = places(&said.out);
    assert!(places.len() == 80 && places.is_sorted(), "{places:?}");
    let csv = on(&stage, &export(&["--format", "csv"])).await;
    let ids: Vec<_> = csv.out.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids, places.iter().map(|(_, session)| session.as_str()).collect::<Vec<_>>());
    let of_user = ["sessions", "export", APP[0], APP[1], "--user", "maya"];
    assert_eq!(on(&stage, &of_user).await.out, said.out);
}

#[tokio::test]
async fn after_ctrl_c_an_export_goes_on_where_it_ended() {
    let stage = stage().await;
    let whole = on(&stage, &export(&[])).await.out;
    // The summary of the fiftieth session does not come.
    let summaries = AtomicU64::new(0);
    let hold = move |call: &desk_local::proxy::Call<'_>| {
        let is_fiftieth = call.target.ends_with("GetItem") && summaries.fetch_add(1, Ordering::Relaxed) == 49;
        if is_fiftieth { Verdict::HoldRequest } else { Verdict::Pass }
    };
    let proxy = Proxy::start(&stage.endpoint(), hold).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let child = start(&proxy.endpoint(), file.reopen().unwrap().into());
    proxy.held().await;
    send("-INT", &child);
    let (code, err) = ended(child).await;
    let out = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!((code, out.lines().count()), (Some(130), 49), "{err}");
    assert!(!err.contains('\u{1b}'), "{err:?}");
    assert_eq!(out + &rest(&stage, &err).await, whole);
}

#[tokio::test]
async fn when_its_reader_ends_an_export_goes_on_behind_what_was_read() {
    let stage = stage().await;
    let whole = on(&stage, &export(&[])).await.out;
    // The end of the fifth line, and places within lines.
    let lines_bytes = whole.split_inclusive('\n').take(5).map(str::len).sum();
    for bytes in [lines_bytes, lines_bytes + 1, lines_bytes - 1, 100_000] {
        let mut child = start(&stage.endpoint(), Stdio::piped());
        let mut pipe = child.stdout.take().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut read = vec![0; bytes];
            pipe.read_exact(&mut read).unwrap();
            read
        });
        let read = read.await.unwrap();
        let (code, err) = ended(child).await;
        assert_eq!(code, Some(0), "{err}");
        let kept = cut_as_advised(&read, &err);
        assert!(kept + &rest(&stage, &err).await == whole, "{bytes}: {err}");
    }
}

/// An export within its second line, which does not fit into the pipe.
async fn blocked_by_its_reader(stage: &Stage, mut command: Command) -> (Child, ChildStdout, Vec<u8>) {
    command.args(export(&[])).env_clear().env("AWS_ENDPOINT_URL_DYNAMODB", stage.endpoint());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = BufReader::with_capacity(1, child.stdout.take().unwrap());
    let read = move || {
        let mut read = Vec::new();
        pipe.read_until(b'\n', &mut read).unwrap();
        let mut first = [0];
        pipe.read_exact(&mut first).unwrap();
        read.extend(first);
        (child, pipe.into_inner(), read)
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

async fn stage_with_a_long_line() -> Stage {
    let stage = Stage::start().await.unwrap();
    for (number, bytes) in [(1, 10), (2, 200_000), (3, 10)] {
        keep(&stage, &format!("s-{number}"), FIRST_MS + number, &"a".repeat(bytes)).await;
    }
    stage
}

#[tokio::test]
async fn a_signal_ends_an_export_whose_reader_does_not_read() {
    let stage = stage_with_a_long_line().await;
    let whole = on(&stage, &export(&[])).await.out;
    // `nohup` ignores a hangup.
    let cases = [(":", "-INT", 130), (":", "-TERM", 143), (":", "-HUP", 129), ("trap '' HUP", "-HUP", 130)];
    for (before, signal, expected) in cases {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{before}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_desk")]);
        command.stderr(Stdio::piped());
        let (child, mut pipe, mut read) = blocked_by_its_reader(&stage, command).await;
        send(signal, &child);
        if before != ":" {
            send("-INT", &child);
        }
        let (code, err) = ended(child).await;
        assert_eq!(code, Some(expected), "{before} {signal}: {err}");
        pipe.read_to_end(&mut read).unwrap();
        assert!(read.len() > 10_000 && !read.ends_with(b"\n"));
        let kept = cut_as_advised(&read, &err);
        assert!(kept + &rest(&stage, &err).await == whole, "{err}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_an_export_that_cannot_say_how_to_go_on() {
    let stage = stage_with_a_long_line().await;
    // A full pipe: the message after the first signal is not read.
    let (_unread, mut errors) = std::io::pipe().unwrap();
    errors.write_all(&[0; 65_536]).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    command.stderr(errors);
    let (child, _pipe, _) = blocked_by_its_reader(&stage, command).await;
    send("-INT", &child);
    send("-TERM", &child);
    assert_eq!(ended(child).await.0, Some(143));
}

#[tokio::test]
async fn on_a_full_disk_an_export_leaves_whole_lines_and_goes_on_behind_them() {
    let stage = stage().await;
    let whole = on(&stage, &export(&[])).await.out;
    let file = tempfile::NamedTempFile::new().unwrap();
    // A limit on the size of a file ends it within a line, as a full disk does.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_desk")]).args(export(&[]));
    command.env_clear().env("AWS_ENDPOINT_URL_DYNAMODB", stage.endpoint());
    command.stdout(file.reopen().unwrap()).stderr(Stdio::piped());
    let (code, err) = ended(command.spawn().unwrap()).await;
    let mut out = std::fs::read_to_string(file.path()).unwrap();
    assert!(code == Some(1) && out.ends_with('\n') && out.lines().count() > 1, "{err}");
    // Again onto what is there, and onto a device that takes nothing.
    let argument = resume_argument(&err);
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    command.args(export(&[&argument])).env_clear().env("AWS_ENDPOINT_URL_DYNAMODB", stage.endpoint());
    command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped());
    let (code, again) = ended(command.spawn().unwrap()).await;
    assert_eq!((code, resume_argument(&again)), (Some(1), argument), "{again}");
    out += &rest(&stage, &again).await;
    assert!(out == whole, "{again}");

    let (code, err) = ended(start(&stage.endpoint(), File::create("/dev/full").unwrap().into())).await;
    assert!(code == Some(1) && err.contains("the export is not complete; begin again"), "{err}");
}

#[tokio::test]
async fn a_place_of_another_export_is_refused() {
    let stage = Stage::start().await.unwrap();
    for place in ["nowhere", "1:s-1", "0:1793584800000:s-1", "1693584800000:s-1", "1793584800000:"] {
        let argument = format!("--resume={place}");
        let said = on(&stage, &export(&[&argument])).await;
        assert!(
            said.code == Some(1) && said.err.contains(&format!("`{place}` is not a place of this export")),
            "{place}: {}",
            said.err
        );
    }
}

#[tokio::test]
async fn bodies_are_printed_as_they_were_received() {
    let stage = Stage::start().await.unwrap();
    // Numbers in the spelling of the sender, a repeated field, escapes, line ends.
    let body = "{\"SessionId\":\"s-1\",\n \"Event\":\"SessionBegin\",\"EventTime\":1793584800000,\"ClientUserId\":\"maya\",\
        \"a\":1.0,\"a\":1e400,\"account\":12345678901234567890123,\"text\":\"\\u0041\\/\\ud83d\\ude00\\ud800\",\"z\":[1,2.50]}";
    keep_body(&stage, body).await;
    let said = on(&stage, &["sessions", "show", "s-1", APP[0], APP[1], "--json"]).await;
    assert!(said.out.contains(body), "{}", said.out);
    let said = on(&stage, &export(&[])).await;
    assert!(said.out.lines().count() == 1 && said.out.contains(&body.replace('\n', " ")), "{}", said.out);
    let mut text = String::new();
    said.out.as_bytes().read_to_string(&mut text).unwrap();
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok(), "{text}");
}
