//! The AWS client of the functions by itself, in a process of its own as theirs is.
//!
//! Each line of its input is one turn: what to call (`put`, `get` or `query`), how often, the table, the partition
//! key, the number of the first call, and the body to put, the sort key to get or the one to read up to, with tabs between. For each turn
//! it writes one line: what each call took, in nanoseconds.

use std::{
    error::Error,
    io::{Write, stdin, stdout},
    time::Instant,
};

use desk_webhooks::{config::Env, store::from_env};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = from_env(Env::of_process()).dynamodb();
    for line in stdin().lines() {
        let line = line?;
        let fields: Vec<_> = line.split('\t').collect();
        let [call, times, table, pk, first, rest] = fields[..] else { return Err("not a turn".into()) };
        let first: u64 = first.parse()?;
        let mut took = String::new();
        for number in first..first + times.parse::<u64>()? {
            let started = Instant::now();
            match call {
                "put" => desk_floor::put(&client, table, pk, number, rest).await?,
                "get" => desk_floor::get(&client, table, pk, rest).await?,
                "query" => desk_floor::query(&client, table, pk, rest).await?,
                _ => return Err("put, get or query".into()),
            }
            took.push_str(&format!("{} ", started.elapsed().as_nanos()));
        }
        writeln!(stdout(), "{}", took.trim_end())?;
    }
    Ok(())
}
