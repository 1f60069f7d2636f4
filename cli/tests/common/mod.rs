//! Running the real command, on tables in memory.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)] // each test uses a part; a panic is the report

use std::{
    io::Write,
    process::{Command, Output},
};

use desk_local::stage::Stage;
use tempfile::NamedTempFile;

pub(crate) const APP: [&str; 2] = ["--app", "1400000001"];

pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `desk` with nothing of our environment but what it is given.
pub(crate) fn desk(env: &[(&str, &str)], arguments: &[&str]) -> Said {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_desk"))
        .args(arguments)
        .env_clear()
        .env("USER", "ines")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// On the tables of a stage; `APP` stands for its two words.
pub(crate) async fn on(stage: &Stage, arguments: &[&str]) -> Said {
    let endpoint = stage.endpoint();
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        desk(&[("AWS_ENDPOINT_URL_DYNAMODB", &endpoint)], &arguments)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(crate) fn file(content: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

pub(crate) fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

pub(crate) fn starter() -> String {
    desk(&[], &["rules", "init"]).out
}

/// With this environment.
pub(crate) async fn run(env: &[(&str, &str)], arguments: &[&str]) -> Said {
    let own = |text: &&str| (*text).to_owned();
    let env: Vec<_> = env.iter().map(|(name, value)| (own(name), own(value))).collect();
    let arguments: Vec<_> = arguments.iter().map(own).collect();
    let run = move || {
        let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        desk(&env, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}
