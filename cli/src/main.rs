//! The `desk` command: what people use of this project.

mod args;
mod commands;
mod document;
mod error;
mod output;
mod tables;

use std::process::ExitCode;

use clap::Parser;

use args::Arguments;
use error::CliError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What was found wrong in a document stands above already.
            if !matches!(error, CliError::Reported) {
                anstream::eprintln!("{}: {error}", output::red("error"));
            }
            ExitCode::FAILURE
        }
    }
}
