//! `make run` and `make demo` by the real program. The functions and `desk` must have been built, as `cargo test` of the
//! whole workspace does.

#![cfg(target_os = "linux")] // processes are found in /proc
#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use desk_local::stage::repository;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far more than any end takes, so that a slow machine fails no test.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder with the programs of the stack. Processes of this test are known by it.
struct Programs {
    folder: TempDir,
}

impl Programs {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(built()).unwrap();
        let programs = Self { folder };
        for name in ["desk-local", "desk", "assign-agent", "session-events"] {
            programs.set(name, name);
        }
        programs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program that was built in the place of one of the stack.
    fn set(&self, name: &str, built_name: &str) {
        let _ = fs::remove_file(self.path(name));
        let program = built().join(built_name);
        fs::hard_link(&program, self.path(name))
            .unwrap_or_else(|error| panic!("{}: {error}; build the workspace first", program.display()));
    }

    fn start(&self, arguments: &[&str], env: &[(&str, &str)]) -> Run {
        let mut command = Command::new(self.path("desk-local"));
        command.args(arguments).envs(env.iter().copied()).current_dir(repository());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let errors = child.stderr.take().unwrap();
        Run { child, output, errors, said: String::new() }
    }

    /// Starts `run` on any free ports, and waits until it is up.
    fn up(&self, env: &[(&str, &str)]) -> Run {
        let mut run = self.start(&["run", "--port", "0", "--dynamodb-port", "0"], env);
        let mut line = String::new();
        while !line.starts_with("Ctrl-C ends it") {
            line.clear();
            if run.output.read_line(&mut line).unwrap() == 0 {
                let ended = run.end();
                panic!("it ended: {ended:?}");
            }
            run.said.push_str(&line);
        }
        run
    }

    /// The programs that run from this folder.
    fn running(&self) -> Vec<PathBuf> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let programs = processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok());
        programs.filter(|program| program.starts_with(self.folder.path())).collect()
    }

    fn wait_until_none_runs(&self) {
        let started = Instant::now();
        while !self.running().is_empty() {
            assert!(started.elapsed() < LIMIT, "{:?}", self.running());
            thread::yield_now();
        }
    }
}

/// The folder of the programs that were built.
fn built() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_desk-local")).parent().unwrap()
}

/// A running `desk-local`.
struct Run {
    child: Child,
    output: BufReader<ChildStdout>,
    errors: ChildStderr,
    /// Its output until it was up.
    said: String,
}

impl Run {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end. Returns the exit code, standard output and standard error.
    fn end(&mut self) -> (Option<i32>, String, String) {
        let mut output = std::mem::take(&mut self.said);
        self.output.read_to_string(&mut output).unwrap();
        let mut errors = String::new();
        self.errors.read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().code(), output, errors)
    }

    fn url(&self) -> &str {
        let line = self.said.lines().find(|line| line.starts_with("  http://")).unwrap();
        line.trim().rsplit_once("/assign-agent").unwrap().0
    }

    /// The commands that it proposes.
    fn proposed(&self, programs: &Programs) -> Vec<String> {
        let lines = self.said.lines().filter(|line| line.contains("target/debug/desk "));
        let desk = programs.path("desk").display().to_string();
        lines.map(|line| line.trim().replace("target/debug/desk", &desk)).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shell(command: &str) -> (bool, String) {
    let output = Command::new("sh").args(["-c", command]).current_dir(repository()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout) + &text(output.stderr))
}

/// The status of the answer to a session event, sent to assign-agent.
fn send_event(url: &str) -> u16 {
    let body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": "s", "Event": "SessionBegin", "EventTime": 1,
    });
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent = ureq::Agent::new_with_config(config);
    let response = agent.post(format!("{url}/assign-agent?SdkAppid=1400000001")).send(body.to_string());
    response.unwrap().status().as_u16()
}

#[test]
fn nothing_outlives_the_stack_and_the_next_start_has_the_new_code() {
    let programs = Programs::new();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::KILL] {
        programs.set("assign-agent", "assign-agent");
        let mut run = programs.up(&[]);
        assert_eq!(programs.running().len(), 3, "the stack and two functions");
        assert_eq!(send_event(run.url()), 400, "assign-agent refuses it");
        run.signal(signal);
        let (code, _, errors) = run.end();
        assert_eq!(code, if signal == Signal::KILL { None } else { Some(0) }, "{signal:?} {errors}");
        programs.wait_until_none_runs();

        programs.set("assign-agent", "session-events");
        let run = programs.up(&[]);
        assert_eq!(send_event(run.url()), 200, "after {signal:?}");
        drop(run);
        programs.wait_until_none_runs();
    }
}

#[test]
fn keys_and_signatures_can_be_rehearsed() {
    let programs = Programs::new();
    let settings = [
        ("URL_KEYS", "a-key-of-sixteen-letters,another-key-of-ours"),
        ("CALLBACK_TOKENS", "it's-a-token"),
        ("SIGNATURE_POLICY", "required"),
    ];
    let run = programs.up(&settings);
    let proposed = run.proposed(&programs);
    assert_eq!(proposed.len(), 3);
    for command in &proposed {
        let (success, said) = shell(command);
        assert!(success, "{command}: {said}");
    }
    let send = &proposed[0];
    let (key, token) = ("/a-key-of-sixteen-letters", r" --token 'it'\''s-a-token'");
    for part in [key, token] {
        let (success, said) = shell(&send.replace(part, ""));
        assert!(!success && said.contains("HTTP 403"), "without {part}: {said}");
    }
}

#[test]
fn a_bad_setting_is_named() {
    let programs = Programs::new();
    let mut run = programs.start(&["run", "--port", "0", "--dynamodb-port", "0"], &[("URL_KEYS", "short")]);
    let (code, output, errors) = run.end();
    assert_eq!(code, Some(1));
    assert!((output + &errors).contains("URL_KEYS holds a key that is too short"), "{errors}");
}

#[test]
fn a_taken_port_names_the_program_that_has_it() {
    let programs = Programs::new();
    let run = programs.up(&[]);
    let port = run.url().rsplit(':').next().unwrap();
    let said = run.said.lines().find(|line| line.ends_with("(DynamoDB)")).unwrap();
    let dynamodb_port = said.trim_end_matches("  (DynamoDB)").rsplit(':').next().unwrap();
    for (option, port, other) in
        [("--port", port, "--dynamodb-port"), ("--dynamodb-port", dynamodb_port, "--port")]
    {
        let (code, _, errors) = programs.start(&["run", option, port, other, "0"], &[]).end();
        assert_eq!(code, Some(1));
        let holder = format!("port {port} for ");
        assert!(errors.contains(&holder), "{errors}");
        let holder = format!("is taken by desk-local (process {})", run.child.id());
        assert!(errors.contains(&holder) && errors.contains(option), "{errors}");
    }
}

#[test]
fn demo_depends_on_no_variable_of_the_caller() {
    let programs = Programs::new();
    let env = [
        ("URL_KEYS", "a-key-of-sixteen-letters"),
        ("SIGNATURE_POLICY", "required"),
        ("ALLOWED_CIDRS", "192.0.2.0/24"),
        ("SDK_APP_IDS", "1"),
        ("RULES_TABLE", "of-aws"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_PROFILE", "missing"),
    ];
    let (code, output, errors) = programs.start(&["demo"], &env).end();
    assert_eq!(code, Some(0), "{output}{errors}");
    programs.wait_until_none_runs();
}

/// `cargo lambda invoke` sends this.
#[test]
fn functions_can_be_invoked_with_an_event() {
    let programs = Programs::new();
    let run = programs.up(&[]);
    let event = fs::read_to_string(repository().join("events/assign-agent/on-assign-human.json")).unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    let url = format!("{}/2015-03-31/functions/assign-agent/invocations", run.url());
    let answer: Value = ureq::post(url).send_json(&event).unwrap().body_mut().read_json().unwrap();
    assert_eq!(answer["statusCode"], 200);
    let unknown = format!("{}/2015-03-31/functions/unknown/invocations", run.url());
    assert!(matches!(ureq::post(unknown).send_json(&event), Err(ureq::Error::StatusCode(404))));
}
