//! `make run`, `make demo`, `make storm` and `make bench`: everything on this machine, as it is deployed.

mod bench;
mod demo;
mod stack;
mod storm;

use std::{error::Error, process::ExitCode, time::Duration};

use stack::{Ports, Stack};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("run") => run().await,
        Some("demo") => demo::run().await,
        Some("storm") => storm::run().await,
        Some("bench") if std::env::args().any(|argument| argument == "--help") => {
            println!("{}", bench::HELP);
            return ExitCode::SUCCESS;
        }
        Some("bench") => match bench::Options::of(std::env::args().skip(2)) {
            Ok(options) => bench::run(options).await,
            Err(problem) => {
                eprintln!("error: {problem}");
                return ExitCode::from(2);
            }
        },
        _ => {
            eprintln!(
                "usage: desk-local run|demo|storm|bench (or `make run`, `make demo`, `make storm`, `make bench`)"
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Keeps the stack up until somebody ends it.
async fn run() -> Result<(), Box<dyn Error>> {
    let stack = Stack::start(Ports { dynamodb: 8000, functions: 9000 }, None).await?;
    stack.desk(&["rules", "publish", "rules/example.yaml", "--app", "1400000001", "--note", "make run"])?;
    let url = stack.url();
    let invoke = stack.invoke_option();
    println!(
        "
The stack is up:
  {url}/assign-agent
  {url}/session-events
  {}  (DynamoDB)

Three commands to try, in another terminal:
  target/debug/desk send --url {url}/session-events --app 1400000001 --session s-1 --user maya --event ChatBot.UserSendMsg --text 'I want a refund'
  target/debug/desk send --url {url}/assign-agent --app 1400000001 --session s-1 --user maya --command ChatBot.OnAssignHuman
  target/debug/desk sessions show s-1 --app 1400000001

An event of API Gateway as it stands in a file (cargo-lambda is in .tools/bin):
  cargo lambda invoke{invoke} assign-agent --data-file events/assign-agent/on-assign-human.json

Ctrl-C ends it; what is stored goes with it.",
        stack.dynamodb()
    );
    loop {
        tokio::select! {
            ended = tokio::signal::ctrl_c() => {
                println!("Stopping.");
                return Ok(ended?);
            }
            () = sleep(Duration::from_secs(1)) => {
                // The next look at the queue finds what is still there.
                if let Err(error) = stack.drain().await {
                    eprintln!("{error}");
                }
            }
        }
    }
}
