//! The `desk` command: what people use of this project.

mod args;
mod commands;
mod document;
mod error;
mod output;
mod stack;
mod tables;

use std::process::ExitCode;

use clap::Parser;

use args::Arguments;
use error::CliError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    match commands::run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What was found wrong in a document stands above already.
            if !matches!(error, CliError::Reported) {
                // It may repeat what others wrote, such as the name of a session.
                let error = output::printable(&error.to_string());
                anstream::eprintln!("{}: {error}", output::red("error"));
            }
            ExitCode::FAILURE
        }
    }
}

/// `desk ... | head` closes our output before we are done, and `println` panics then.
fn end_quietly_when_nobody_reads() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to stdout") {
            std::process::exit(0);
        }
        report(panic);
    }));
}
