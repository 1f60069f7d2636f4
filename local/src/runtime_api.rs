//! AWS Lambda, played to a real function binary.
//!
//! A [`Sandbox`] starts the binary as Lambda would, serves it the [Runtime API] on a loopback port, and hands it
//! events: what is tested and measured is the program that is deployed, its start included.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

mod process;
mod server;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};
use tokio::time::sleep;

pub use process::{Memory, cpu_of};
use server::{Answer, Delivery, Poll, RuntimeApi};

/// How long a function may take, to start polling as well as to answer. Far more than any should, so that a
/// slow machine fails no test, and a hanging function fails one soon.
const LIMIT: Duration = Duration::from_secs(10);

/// A running function: the process, and the Lambda it believes to run in.
///
/// It takes one event at a time, as a real one does. The process ends with [`kill`](Self::kill) or when the
/// sandbox is dropped.
#[derive(Debug)]
pub struct Sandbox {
    api: RuntimeApi,
    child: Child,
    pid: u32,
    spawned: Instant,
    limit: Duration,
    /// From the start to the first poll, once there was one.
    started: Option<Duration>,
    /// A poll that was seen but not answered yet.
    waiting: Option<Poll>,
    invocations: u64,
    output: Output,
}

/// Where both output streams go, in the order in which they are written. A file and no pipe: nobody has to keep
/// reading, and all of it is there the moment the process ends.
#[derive(Debug)]
enum Output {
    /// Into a file of the sandbox, which [`Sandbox::log`] reads.
    Kept(NamedTempFile),
    /// To the caller's file.
    Passed(File),
}

impl Output {
    /// Another handle. Clones of one handle share its position, so that the streams do not overwrite each other.
    fn stream(&self) -> io::Result<File> {
        match self {
            Self::Kept(file) => file.as_file().try_clone(),
            Self::Passed(file) => file.try_clone(),
        }
    }
}

/// What a function made of one event.
#[derive(Debug)]
pub struct Invocation {
    /// Its answer, or the error it reported instead.
    pub response: Result<Value, Value>,
    /// From handing over the event to having the whole answer.
    pub took: Duration,
}

/// Why a function could not be started, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The binary does not run.
    #[error("cannot start {} ({source}); build it first", binary.display())]
    Spawn {
        /// The binary that was asked for.
        binary: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The process ended. A function that refuses its configuration does that.
    #[error("the function exited ({status}) instead of answering; it wrote:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// All it wrote.
        log: String,
    },
    /// The process runs on, but silently.
    #[error("the function did not {awaited} within {limit:?}; it wrote:\n{log}")]
    Silent {
        /// What it should have done: `poll` or `answer`.
        awaited: &'static str,
        /// How long it had.
        limit: Duration,
        /// All it wrote so far.
        log: String,
    },
    /// The answer is not JSON, which Lambda would not accept either.
    #[error("the function answered what is not JSON ({source}): {body}")]
    NotJson {
        /// What it answered.
        body: String,
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// Something of this machine failed: its loopback network, temporary files, or `/proc`.
    #[error("cannot {action}: {source}")]
    System {
        /// What was attempted.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl Sandbox {
    /// Starts a function. Its environment is what Lambda sets plus `env`, which wins, and nothing of ours.
    ///
    /// Returns as soon as the process runs; [`ready`](Self::ready) waits until it is usable.
    pub async fn start(
        binary: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SandboxError> {
        let action = "create a file for the function's output";
        let output = NamedTempFile::new().map_err(|source| SandboxError::System { action, source })?;
        Self::launch(binary, env, Output::Kept(output)).await
    }

    /// The same, but both output streams go to a file of the caller's. [`log`](Self::log) does not read it.
    pub async fn start_writing_to(
        output: File,
        binary: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SandboxError> {
        Self::launch(binary, env, Output::Passed(output)).await
    }

    async fn launch(
        binary: &Path,
        env: impl IntoIterator<Item = (String, String)>,
        output: Output,
    ) -> Result<Self, SandboxError> {
        let failed = |action| move |source| SandboxError::System { action, source };
        let stream = || output.stream().map_err(failed("share the function's output"));
        let name = binary.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let api = RuntimeApi::start(&name, stream()?)
            .await
            .map_err(failed("serve the Runtime API on 127.0.0.1"))?;

        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(lambda_environment(&name, api.address))
            .envs(env)
            .stdin(Stdio::null())
            .stdout(stream()?)
            .stderr(stream()?);
        let spawned = Instant::now();
        let child =
            command.spawn().map_err(|source| SandboxError::Spawn { binary: binary.to_owned(), source })?;
        Ok(Self {
            api,
            pid: child.id().unwrap_or_default(), // there is one until the process was waited for
            child,
            spawned,
            limit: LIMIT,
            started: None,
            waiting: None,
            invocations: 0,
            output,
        })
    }

    /// Waits until the function asks for its first event. Returns how long that took from the start.
    ///
    /// To have the figure exact, wait at once: on a runtime of one thread nothing is served meanwhile.
    pub async fn ready(&mut self) -> Result<Duration, SandboxError> {
        if let Some(started) = self.started {
            return Ok(started);
        }
        let poll = self.poll().await?;
        let started = poll.at - self.spawned;
        self.waiting = Some(poll);
        Ok(started)
    }

    /// Hands the function an event and waits for what it makes of it.
    pub async fn invoke(&mut self, event: &Value) -> Result<Invocation, SandboxError> {
        let body = Bytes::from(event.to_string());
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let handed = loop {
            let delivery =
                Delivery { id: id.clone(), body: body.clone(), deadline: SystemTime::now() + self.limit };
            let poll = self.poll().await?;
            let now = Instant::now();
            // A poll whose connection broke takes nothing: the function asks again.
            if poll.reply.send(delivery).is_ok() {
                break now;
            }
        };
        let answer = self.answer(&id).await?;
        let parse = |body: Bytes| {
            serde_json::from_slice(&body).map_err(|source| SandboxError::NotJson {
                body: String::from_utf8_lossy(&body).into_owned(),
                source,
            })
        };
        let response = match answer.outcome {
            Ok(body) => Ok(parse(body)?),
            Err(body) => Err(parse(body)?),
        };
        Ok(Invocation { response, took: answer.at - handed })
    }

    /// Freezes the function as Lambda does between two invocations, and hands it an event when it goes on:
    /// whatever else happened `meanwhile` it learns at the same moment.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_frozen(
        &mut self,
        meanwhile: impl Future<Output = ()>,
        event: &Value,
    ) -> Result<Invocation, SandboxError> {
        let failed = |source| SandboxError::System { action: "freeze the function", source };
        self.waiting = Some(self.poll().await?);
        let pid = self.pid;
        process::freeze(pid).map_err(failed)?;
        meanwhile.await;
        let handed = Instant::now();
        let thaw = async {
            // The event is in the function's socket by then.
            sleep(Duration::from_millis(5)).await;
            process::thaw(pid).map(|()| handed.elapsed())
        };
        let (invocation, frozen) = tokio::join!(self.invoke(event), thaw);
        let (invocation, frozen) = (invocation?, frozen.map_err(failed)?);
        Ok(Invocation { took: invocation.took.saturating_sub(frozen), ..invocation })
    }

    /// The function's answer to an event, or the error it reported instead: as Lambda's Invoke API gives either.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    pub async fn take(&mut self, event: &Value) -> Result<Value, SandboxError> {
        Ok(self.invoke(event).await?.response.unwrap_or_else(|error| error))
    }

    /// All that the function wrote so far, on either stream, and what it reported as an error of its start.
    pub fn log(&self) -> String {
        let Output::Kept(output) = &self.output else { return "(see its output)".to_owned() };
        // Our own temporary file: if it cannot be read, saying so in its place loses nothing.
        std::fs::read(output.path())
            .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The memory of the process. Linux only: elsewhere there is no `/proc` to read it from.
    pub fn memory_bytes(&self) -> Result<Memory, SandboxError> {
        process::memory_of(self.pid).map_err(from_proc)
    }

    /// The time that processors have worked for the process. Linux only, as well.
    pub fn cpu_time(&self) -> Result<Duration, SandboxError> {
        cpu_of(self.pid).map_err(from_proc)
    }

    /// How many events it was handed.
    pub fn invocations(&self) -> u64 {
        self.invocations
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends the process. When this returns, it is gone.
    pub fn kill(self) {
        drop(self);
    }

    /// The next poll of the function, or the one that waits already.
    async fn poll(&mut self) -> Result<Poll, SandboxError> {
        if let Some(poll) = self.waiting.take() {
            return Ok(poll);
        }
        let poll = tokio::select! {
            biased;
            Some(poll) = self.api.polls.recv() => poll,
            status = self.child.wait() => return Err(self.exited(status)),
            () = sleep(self.limit) => return Err(self.silent("poll")),
        };
        self.started.get_or_insert(poll.at - self.spawned);
        Ok(poll)
    }

    /// The answer to one invocation. Those to earlier ones, which were given up, are passed over.
    async fn answer(&mut self, id: &str) -> Result<Answer, SandboxError> {
        let timeout = sleep(self.limit);
        tokio::pin!(timeout);
        loop {
            tokio::select! {
                biased;
                Some(answer) = self.api.answers.recv() => if answer.id == id { return Ok(answer) },
                status = self.child.wait() => return Err(self.exited(status)),
                () = &mut timeout => return Err(self.silent("answer")),
            }
        }
    }

    fn exited(&self, status: io::Result<ExitStatus>) -> SandboxError {
        match status {
            Ok(status) => SandboxError::Exited { status, log: self.log() },
            Err(source) => SandboxError::System { action: "wait for the function's process", source },
        }
    }

    fn silent(&self, awaited: &'static str) -> SandboxError {
        SandboxError::Silent { awaited, limit: self.limit, log: self.log() }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It fails only when the process is gone already.
        let _ = self.child.start_kill();
        // Nothing can be awaited here, and a process that was told to die is gone within a moment.
        while matches!(self.child.try_wait(), Ok(None)) {
            thread::yield_now();
        }
    }
}

fn from_proc(source: io::Error) -> SandboxError {
    SandboxError::System { action: "read about the function's process from /proc", source }
}

/// What Lambda tells every function, as far as functions and the AWS SDK ask for it.
fn lambda_environment(name: &str, address: SocketAddr) -> [(&'static str, String); 9] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

const REGION: &str = "us-east-1";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
