//! The whole stack: the engine, the spill queue, and both functions under `cargo lambda watch`.

use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use desk_local::{
    engine::{Engine, EngineError, EngineOptions, RULES_TABLE, SESSIONS_TABLE},
    moto::{Moto, MotoError},
    queue::{Queue, QueueError},
    stage::queue_on,
};
use serde_json::Value;

/// How long `cargo lambda watch` may take to listen.
const START: Duration = Duration::from_secs(60);

/// Where the two servers listen; 0 is any free port.
pub(crate) struct Ports {
    pub(crate) dynamodb: u16,
    pub(crate) functions: u16,
}

/// A running stack. It ends when it is dropped.
pub(crate) struct Stack {
    engine: Engine,
    queue: Queue,
    _moto: Moto,
    functions: Child,
    port: u16,
    ipv6: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Moto(#[from] MotoError),
    #[error(transparent)]
    Queue(#[from] Box<QueueError<ureq::Error>>),
    #[error("port {port} for the functions is taken ({source}); end what listens there")]
    Port { port: u16, source: io::Error },
    #[error("cannot run `{command}`: {source}")]
    Run { command: String, source: io::Error },
    #[error("`{0}` failed; what it said is above")]
    Failed(String),
    #[error("{url} does not answer: {source}")]
    Function { url: String, source: Box<ureq::Error> },
    #[error("`cargo lambda watch` did not come up{}", .0.as_ref().map(|log| format!("; see {}", log.display())).unwrap_or_default())]
    Watch(Option<PathBuf>),
}

impl Stack {
    /// Starts it. What the functions log goes to `log`, or to the terminal.
    pub(crate) async fn start(ports: Ports, log: Option<&Path>) -> Result<Self, StackError> {
        let engine =
            Engine::start(EngineOptions { port: ports.dynamodb, ..EngineOptions::default() }).await?;
        let taken = |source| StackError::Port { port: ports.functions, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.functions)).map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        // `cargo lambda invoke` looks for the functions on the loopback of IPv6, everybody else on
        // that of IPv4: the functions are to be found on both, where there are both.
        let ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        let address = if ipv6 { IpAddr::from(Ipv6Addr::LOCALHOST) } else { Ipv4Addr::LOCALHOST.into() };
        if ipv6 {
            forward(listener, port);
        } else {
            drop(listener);
        }
        let moto = Moto::start().await?;
        let queue = queue_on(&moto)?;
        let env = [
            ("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint()),
            ("AWS_ENDPOINT_URL_SQS", moto.endpoint()),
            ("SPILL_QUEUE_URL", queue.url().to_owned()),
        ];
        let functions = watch(env, address, port, log)?;
        let mut stack = Self { engine, queue, _moto: moto, functions, port, ipv6 };
        stack.wait_until_listening(address, log)?;
        stack.start_functions()?;
        Ok(stack)
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

    /// What `cargo lambda invoke` must be told to find the functions.
    pub(crate) fn invoke_option(&self) -> &'static str {
        if self.ipv6 { "" } else { " -A 127.0.0.1" }
    }

    /// Runs the `desk` command on the local tables, to the terminal.
    pub(crate) fn desk(&self, arguments: &[&str]) -> Result<(), StackError> {
        let command = format!("desk {}", arguments.join(" "));
        let run = |source| StackError::Run { command: command.clone(), source };
        let desk = std::env::current_exe().map_err(run)?.with_file_name("desk");
        let status = Command::new(desk)
            .args(arguments)
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.engine.endpoint())
            .status()
            .map_err(run)?;
        if status.success() { Ok(()) } else { Err(StackError::Failed(command)) }
    }

    fn wait_until_listening(&mut self, address: IpAddr, log: Option<&Path>) -> Result<(), StackError> {
        let started = Instant::now();
        while TcpStream::connect((address, self.port)).is_err() {
            let ended = self.functions.try_wait().is_ok_and(|status| status.is_some());
            if ended || started.elapsed() > START {
                return Err(StackError::Watch(log.map(Path::to_owned)));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Stack {
    /// Each function is built and started by its first request: the platform's check of the URL, so
    /// that nobody waits for that later.
    fn start_functions(&self) -> Result<(), StackError> {
        for path in ["/assign-agent", "/session-events"] {
            println!("Starting {path}");
            let url = format!("{}{path}", self.url());
            ureq::post(&url)
                .send_empty()
                .map_err(|source| StackError::Function { url, source: Box::new(source) })?;
        }
        Ok(())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A polite end: killed, it would leave its functions behind.
        let asked = Command::new("kill").arg(self.functions.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.functions.kill();
        }
        let _ = self.functions.wait();
    }
}

/// Passes connections on from IPv4 to IPv6, for the life of the process.
fn forward(listener: TcpListener, port: u16) {
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A connection that cannot be passed on is closed, as one that is refused.
            if let Ok(server) = TcpStream::connect((Ipv6Addr::LOCALHOST, port)) {
                let _ = client.set_nodelay(true).and(server.set_nodelay(true));
                if let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) {
                    thread::spawn(move || copy(from_client, to_server));
                    thread::spawn(move || copy(server, client));
                }
            }
        }
    });
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    // Whichever side ends, the other one learns of it.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn watch(
    env: [(&str, String); 3],
    address: IpAddr,
    port: u16,
    log: Option<&Path>,
) -> Result<Child, StackError> {
    let run = |source| StackError::Run { command: "cargo lambda watch".into(), source };
    let mut command = Command::new("cargo");
    // By its default it would listen on every interface. Requests wait while a function is built.
    command
        .args(["lambda", "watch", "--timeout", "600", "--invoke-address", &address.to_string()])
        .args(["--invoke-port", &port.to_string()])
        .stdin(Stdio::null());
    command.envs(env);
    for (name, value) in [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("RULES_TABLE", RULES_TABLE),
        ("SESSIONS_TABLE", SESSIONS_TABLE),
        ("SDK_APP_IDS", "1400000001"),
        ("SIGNATURE_POLICY", "off"),
    ] {
        command.env(name, value);
    }
    if let Some(log) = log {
        let file = File::create(log).map_err(run)?;
        command.stdout(file.try_clone().map_err(run)?).stderr(file).arg("--ignore-changes");
    }
    command.spawn().map_err(run)
}
