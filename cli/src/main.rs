//! The `desk` command.

// Only `output` prints: see there.
#![deny(clippy::print_stderr, clippy::print_stdout, clippy::disallowed_macros, clippy::disallowed_methods)]

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
use output::{Text, escaped, note, red, say, unless_closed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::try_parse() {
        Ok(arguments) => commands::run(arguments).await,
        Err(usage) if usage.use_stderr() => return wrong_usage(usage),
        // The help or the version.
        Err(asked) => say!("{}", Text::of_clap(&asked)),
    };
    // The reader has seen enough: `desk ... | head`.
    match unless_closed(done) {
        Ok(()) => ExitCode::SUCCESS,
        // As shells report a command that a signal ended.
        Err(CliError::Interrupted { signal }) => ExitCode::from(128 + signal),
        // The findings in a document are printed already.
        Err(CliError::Reported) => ExitCode::FAILURE,
        Err(error) => {
            note!("{}: {}", red("error"), error);
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line. The message repeats arguments, so it is made for escaped ones.
fn wrong_usage(usage: clap::Error) -> ExitCode {
    let escaped = std::env::args_os().map(|argument| escaped(&argument.to_string_lossy()));
    let usage = Arguments::try_parse_from(escaped).err().unwrap_or(usage);
    note!("{}", Text::of_clap(&usage));
    ExitCode::from(2)
}
