//! `make run`, `make demo`, `make storm` and `make bench`: everything on this machine, as it is deployed.

mod bench;
mod demo;
mod ports;
mod run;
mod stack;
mod storm;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("run") => match run::Options::of(std::env::args().skip(2)) {
            Ok(options) => run::run(options).await,
            Err(problem) => {
                eprintln!("error: {problem}");
                return ExitCode::from(2);
            }
        },
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
