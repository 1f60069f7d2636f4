//! The whole stack: the engine, the spill queue, and both functions behind a gateway.

use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
};

use desk_local::{
    engine::{Engine, EngineError, EngineOptions},
    gateway::{Function, Gateway},
    queue::{Queue, QueueError},
    runtime_api::SandboxError,
    stage::{Services, StageError},
};
use serde_json::Value;

use crate::ports;

/// The environment of the functions, as `cargo lambda watch` takes it.
const ENVIRONMENT: &str = include_str!("../watch.env");

/// The ports of the two servers; 0 is any free port.
pub(crate) struct Ports {
    pub(crate) dynamodb: u16,
    pub(crate) functions: u16,
}

/// A running stack. It ends when it is dropped: first the functions, then what they call.
pub(crate) struct Stack {
    _gateway: Gateway,
    queue: Queue,
    _services: Services,
    engine: Engine,
    port: u16,
    ipv6: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error(transparent)]
    Engine(EngineError),
    #[error(transparent)]
    Services(#[from] StageError),
    #[error(transparent)]
    Queue(#[from] Box<QueueError<ureq::Error>>),
    #[error(
        "port {port} for {purpose} is taken by {}; end that program, or choose another port: \
         make run ARGS=\"{option} {}\"",
        ports::listener(*port).unwrap_or_else(|| "another program".to_owned()),
        port.wrapping_add(1)
    )]
    Taken { port: u16, purpose: &'static str, option: &'static str },
    #[error("cannot listen on port {port} for the functions: {source}")]
    Port { port: u16, source: io::Error },
    #[error("cannot run `{command}`: {source}")]
    Run { command: String, source: io::Error },
    #[error("`{0}` failed; its message is above")]
    Failed(String),
    #[error("cannot write what the functions log to {}: {source}", .log.display())]
    Log { log: PathBuf, source: io::Error },
    #[error(transparent)]
    Functions(#[from] SandboxError),
}

impl From<EngineError> for StackError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Port { port, source } if source.kind() == io::ErrorKind::AddrInUse => {
                Self::Taken { port, purpose: "DynamoDB", option: "--dynamodb-port" }
            }
            other => Self::Engine(other),
        }
    }
}

impl Stack {
    /// Starts it. The functions have these settings and log to `log`, or to the terminal.
    pub(crate) async fn start(
        ports: Ports,
        settings: &[(&str, String)],
        log: Option<&Path>,
    ) -> Result<Self, StackError> {
        let listeners = listen(ports.functions)?;
        let failed = |source| StackError::Port { port: ports.functions, source };
        let port = listeners
            .first()
            .map_or(Ok(0), |first| first.local_addr().map(|at| at.port()))
            .map_err(failed)?;
        let engine =
            Engine::start(EngineOptions { port: ports.dynamodb, ..EngineOptions::default() }).await?;
        let services = Services::start().await?;
        let queue = services.queue()?;
        let env =
            ENVIRONMENT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let env = env.map(|(name, value)| (name, value.to_owned())).chain([
            ("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint()),
            ("AWS_ENDPOINT_URL_SQS", services.endpoint()),
            ("SPILL_QUEUE_URL", queue.url().to_owned()),
        ]);
        let env: Vec<_> =
            env.chain(settings.iter().cloned()).map(|(name, value)| (name.to_owned(), value)).collect();
        let ipv6 = listeners.len() > 1;
        let functions = ["assign-agent", "session-events"].map(|name| {
            let run = |source| StackError::Run { command: name.to_owned(), source };
            let binary = std::env::current_exe().map_err(run)?.with_file_name(name);
            Ok::<_, StackError>(Function { name, binary, env: env.clone() })
        });
        let functions = functions.into_iter().collect::<Result<_, _>>()?;
        let gateway = Gateway::start(listeners, functions, output(log)?).await?;
        Ok(Self { _gateway: gateway, queue, _services: services, engine, port, ipv6 })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Hands what waits in the spill queue to session-events, as Lambda does.
    pub(crate) async fn drain(&self) -> Result<(), StackError> {
        let url = format!("{}/2015-03-31/functions/session-events/invocations", self.url());
        let invoke = async |batch: Value| ureq::post(&url).send_json(batch)?.body_mut().read_json();
        self.queue.drain_once(invoke).await.map_err(Box::new)?;
        Ok(())
    }

    pub(crate) fn dynamodb(&self) -> String {
        self.engine.endpoint()
    }

    /// The options with which `cargo lambda invoke` finds the functions.
    pub(crate) fn invoke_option(&self) -> String {
        let address = if self.ipv6 { "" } else { " -A 127.0.0.1" };
        let port = if self.port == 9000 { String::new() } else { format!(" -P {}", self.port) };
        format!("{address}{port}")
    }

    /// Runs the `desk` command on the local tables, to the terminal.
    pub(crate) fn desk(&self, arguments: &[&str]) -> Result<(), StackError> {
        let command = format!("desk {}", arguments.join(" "));
        let run = |source| StackError::Run { command: command.clone(), source };
        let desk = std::env::current_exe().map_err(run)?.with_file_name("desk");
        let status = Command::new(desk)
            .args(arguments)
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.engine.endpoint())
            // These would lead to tables of AWS.
            .env_remove("RULES_TABLE")
            .env_remove("SESSIONS_TABLE")
            .status()
            .map_err(run)?;
        if status.success() { Ok(()) } else { Err(StackError::Failed(command)) }
    }
}

/// The functions' port on IPv4, and on IPv6 where there is one: `cargo lambda invoke` looks there.
fn listen(port: u16) -> Result<Vec<TcpListener>, StackError> {
    let open = |address: IpAddr, port: u16| {
        let listener = TcpListener::bind((address, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StackError::Taken { port, purpose: "the functions", option: "--port" },
        _ => StackError::Port { port, source },
    };
    let ipv4 = open(Ipv4Addr::LOCALHOST.into(), port).map_err(failed)?;
    let chosen = ipv4.local_addr().map_err(failed)?.port();
    match open(Ipv6Addr::LOCALHOST.into(), chosen) {
        Ok(ipv6) => Ok(vec![ipv4, ipv6]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(failed(error)),
        Err(_) => Ok(vec![ipv4]),
    }
}

fn output(log: Option<&Path>) -> Result<File, StackError> {
    let opened = match log {
        Some(log) => File::create(log),
        None => io::stdout().as_fd().try_clone_to_owned().map(File::from),
    };
    let log = log.unwrap_or(Path::new("the terminal")).to_owned();
    opened.map_err(|source| StackError::Log { log, source })
}
