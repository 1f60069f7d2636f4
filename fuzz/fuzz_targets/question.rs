//! Whatever is the body of a question: it is read or refused, and what is read fits into its keys.

#![no_main]

use desk_fuzz::taken;
use desk_webhooks::protocol::Command;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| taken(&Command::AssignAgent, body));
