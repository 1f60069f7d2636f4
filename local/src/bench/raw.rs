//! The SDK by itself: the program `desk-raw`, which calls DynamoDB in a loop when it is told to.

use std::{process::Stdio, time::Duration};

use desk_local::{
    engine::{RULES_TABLE, SESSIONS_TABLE},
    runtime_api::cpu_of,
    stage::repository,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    Outcome,
    ask::{ALL_FACTS, NO_FACTS, TOLD_SESSIONS},
    place::{Place, session_token},
};

/// Far longer than any turn.
const LIMIT: Duration = Duration::from_secs(20);

/// What it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Put,
    /// Without a pause between the calls, in which others come and go.
    PutInLoop,
    Get,
    Query,
}

impl Raw {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "raw PutItem",
            Self::PutInLoop => "raw PutItem, in a loop",
            Self::Get => "raw GetItem",
            Self::Query => "raw Query",
        }
    }

    /// One turn, in the program's terms.
    fn turn(self, times: u64, first: u64, body: &str) -> String {
        let (call, table, pk, rest) = match self {
            Self::Put | Self::PutInLoop => {
                ("put", SESSIONS_TABLE, format!("APP#{NO_FACTS}#SESSION#{self:?}-"), body)
            }
            Self::Get => ("get", RULES_TABLE, format!("APP#{ALL_FACTS}#USER#maya"), "ATTRIBUTES"),
            Self::Query => {
                let told = first % TOLD_SESSIONS;
                ("query", SESSIONS_TABLE, format!("APP#{ALL_FACTS}#SESSION#told-{told}"), body)
            }
        };
        format!("{call}\t{times}\t{table}\t{pk}\t{first}\t{rest}\n")
    }
}

/// The running program. It ends when it is dropped.
pub(super) struct Sdk {
    process: Child,
    turns: ChildStdin,
    took: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    pub(super) fn start(place: &Place) -> Outcome<Self> {
        let mut process = Command::new(repository().join("target/release/desk-raw"));
        process.env_clear().env("AWS_ENDPOINT_URL_DYNAMODB", place.stage.endpoint());
        process.envs([("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")]);
        process.env("AWS_SESSION_TOKEN", session_token());
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = process.spawn()?;
        let turns = process.stdin.take().ok_or("desk-raw has no input")?;
        let took = process.stdout.take().ok_or("desk-raw has no output")?;
        Ok(Self { process, turns, took: BufReader::new(took).lines() })
    }

    /// What processors have worked for it.
    pub(super) fn cpu(&self) -> Outcome<Duration> {
        Ok(cpu_of(self.process.id().ok_or("desk-raw has ended")?)?)
    }

    /// Calls so often, and says what each call took. One is asked for after the other, as answers are.
    pub(super) async fn turn(
        &mut self,
        raw: Raw,
        times: u64,
        first: u64,
        body: &str,
    ) -> Outcome<Vec<Duration>> {
        if raw == Raw::PutInLoop {
            return self.calls(raw, times, first, body).await;
        }
        let mut took = Vec::new();
        for number in first..first + times {
            took.extend(self.calls(raw, 1, number, body).await?);
        }
        Ok(took)
    }

    async fn calls(&mut self, raw: Raw, times: u64, first: u64, body: &str) -> Outcome<Vec<Duration>> {
        self.turns.write_all(raw.turn(times, first, body).as_bytes()).await?;
        let line = timeout(LIMIT, self.took.next_line()).await??;
        let line = line.ok_or("desk-raw ended; what it said is above")?;
        line.split(' ').map(|nanoseconds| Ok(Duration::from_nanos(nanoseconds.parse()?))).collect()
    }
}
