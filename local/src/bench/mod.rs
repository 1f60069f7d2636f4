//! `make bench`: how fast and how small the functions are, beside the least that any function could be and
//! beside the SDK by itself, all in one run.
//!
//! Everything takes turns on one processor: what waits for an answer has nothing else to do, and handing over
//! between processors costs more than most of what is measured, in some turns and not in others.

mod ask;
mod document;
mod freeze;
mod goals;
mod place;
mod plot;
mod raw;
mod report;
mod rules;
mod scaling;
mod size;
mod starts;
mod stats;
mod tls;
mod warm;
mod wire;

use std::{error::Error, fs, process::Command, time::Instant};

use desk_local::stage::repository;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use ask::Ask;
use goals::{Ratios, Whole};
use place::Place;
use report::{Report, Table};
use rules::Pure;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the command says about itself.
pub(crate) const HELP: &str = "\
Measures how fast and how small the functions are, beside the least that any function could be.

usage: desk-local bench [--quick] [--json] [--check] [--write]

  --quick  the ratios alone, in ten seconds
  --json   one JSON document: `machine`, `commit`, and each table by its title in small letters with `_` between
           the words, as a list of rows. A row has its columns by their heads in the same spelling. A figure is
           { \"median\", \"low\", \"high\" } (quartiles of the rounds), a time { \"us\": figure or number }, a size
           { \"bytes\" }, what a figure is off by { \"percent\" }; what there is none of is null. Of `figures_to_reach`, `unit` is that of the row's numbers
  --check  exits 1 if a figure is worse than what the table says it stays below, in the best quarter of rounds, too;
           where it says nothing, than what is to be reached
  --write  puts the tables into docs/performance.md and docs/scaling.svg

Examples:
  make bench                               all of it, written down
  make bench-quick                         the ratios
  make bench-quick ARGS=--check            ... and whether they are kept
  make -s bench-quick ARGS=--json | jq '.figures_to_reach[] | select(.reached | not)'";

/// How the command was asked to be.
pub(crate) struct Options {
    /// The ratios only, of fewer answers.
    quick: bool,
    json: bool,
    /// A figure that is worse than it has to be is a failure.
    check: bool,
    /// Into the documents as well.
    write: bool,
}

impl Options {
    /// # Errors
    /// There is no such option, or not beside another.
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { quick: false, json: false, check: false, write: false };
        for argument in arguments {
            match &*argument {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--check" => options.check = true,
                "--write" => options.write = true,
                other => {
                    return Err(format!(
                        "bench does not know {other}; `desk-local bench --help` has what it does"
                    ));
                }
            }
        }
        if options.quick && options.write {
            return Err(
                "what --quick finds is too little to be written down; leave --write or --quick away".into()
            );
        }
        Ok(options)
    }
}

/// All that one run found.
struct Found {
    tables: Vec<Table>,
    /// How things grow; none of a quick run.
    picture: Option<String>,
    /// What is worse than it has to be.
    worse: Vec<String>,
}

/// Measures, and says what was found.
pub(crate) async fn run(options: Options) -> Outcome<()> {
    if std::env::var_os("DESK_TEST_ENGINE").is_some() {
        return Err("the figures are those of the embedded engine: unset DESK_TEST_ENGINE".into());
    }
    let (machine, commit, started) = (machine(), commit(), Instant::now());
    stay_on_one_processor()?;
    step("rules");
    let pure = rules::measure(200)?;
    let place = Place::prepare().await?;
    let Found { tables, picture, worse } =
        if options.quick { quick(&place, &pure).await? } else { whole(&place, &pure).await? };
    eprintln!("measured in {} s", started.elapsed().as_secs());
    let report = Report { machine, commit, tables };
    if options.json {
        println!("{:#}", report.json());
    } else {
        println!("{}", report.text());
    }
    if let Some(picture) = picture.filter(|_| options.write) {
        document::write(&report, &picture)?;
        eprintln!("written into docs/performance.md and docs/scaling.svg");
    }
    if options.check && !worse.is_empty() {
        return Err(format!("worse than it has to be: {}", worse.join("; ")).into());
    }
    Ok(())
}

fn step(what: &str) {
    eprintln!("measuring {what}");
}

async fn quick(place: &Place, pure: &Pure) -> Outcome<Found> {
    step("starts");
    let starts = starts::measure(place, 21).await?;
    step("warm answers");
    let warm = warm::measure(place, &warm::QUICK, 20, 100).await?;
    let (goals, worse) = goals::table(&Ratios { pure, starts: &starts, warm: &warm }, None)?;
    Ok(Found { tables: vec![goals], picture: None, worse })
}

/// All tables, and the picture of how things grow.
async fn whole(place: &Place, pure: &Pure) -> Outcome<Found> {
    // What is missing is better missed now than after all the rest.
    let files = size::files_table()?;
    place.tell_stories().await?;
    step("starts");
    let starts = starts::measure(place, 41).await?;
    step("warm answers");
    let warm = warm::measure(place, &warm::ALL, 20, 250).await?;
    step("freezes");
    let frozen = freeze::measure(place, 200).await?;
    step("requests");
    let counted = wire::count(place).await?;
    step("how it scales");
    let by_rules = scaling::by_rules(place, &scaling::RULES, 50).await?;
    let by_events = scaling::by_events(place, 30).await?;
    let by_body = scaling::by_body(place, 50).await?;
    step("memory");
    let mut grown = Vec::new();
    for mostly in [Ask::Floor, Ask::Recorded, Ask::Message] {
        grown.push(size::memory(place, mostly).await?);
    }
    let ratios = Ratios { pure, starts: &starts, warm: &warm };
    let whole = Whole { grown: &grown, counted: &counted, by_rules: &by_rules, frozen: &frozen };
    let (goals, worse) = goals::table(&ratios, Some(&whole))?;
    let scales = [&by_rules, &by_events, &by_body];
    let mut tables = vec![
        goals,
        starts.table(),
        warm::table(&warm)?,
        freeze::table(&frozen),
        wire::table(&counted),
        size::memory_table(&grown),
        files,
    ];
    tables.extend(scales.map(scaling::Scale::table));
    let picture = plot::svg(&scales.map(scaling::Scale::panel));
    Ok(Found { tables, picture: Some(picture), worse })
}

/// The last that we may have: the first has the machine's interrupts on many.
fn stay_on_one_processor() -> Outcome<()> {
    let ours = sched_getaffinity(None)?;
    let last =
        (0..CpuSet::MAX_CPU).rev().find(|&cpu| ours.is_set(cpu)).ok_or("there is no processor for us")?;
    let mut one = CpuSet::new();
    one.set(last);
    Ok(sched_setaffinity(None, &one)?)
}

/// The machine in words, and how busy it was before.
fn machine() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor without a name", |(_, name)| name);
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let rust = said_by(Command::new("rustc").arg("--version"));
    let rust = rust.split(" (").next().unwrap_or_default().to_owned();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "one of {count} processors, {model}, {}, load {load} before it began, {rust}",
        std::env::consts::ARCH
    )
}

/// The commit that was built, as far as Git knows.
fn commit() -> String {
    let git = |arguments: &[&str]| said_by(Command::new("git").current_dir(repository()).args(arguments));
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "*.rs",
        "*.toml",
        "Cargo.lock",
        "events",
    ]);
    let and = if changed.is_empty() { "" } else { " and what is not committed yet" };
    format!("{}{and}", git(&["rev-parse", "--short", "HEAD"]))
}

fn said_by(command: &mut Command) -> String {
    let output = command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_default()
}
