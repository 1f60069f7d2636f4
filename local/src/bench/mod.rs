//! `make bench`: how fast and how small the functions are, beside the least that any function could be and
//! beside the SDK by itself, all in one run.
//!
//! Everything takes turns on one processor: what waits for an answer has nothing else to do, and handing over
//! between processors costs more than most of what is measured, in some turns and not in others.

mod ask;
mod document;
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

use std::{error::Error, fs, process::Command};

use desk_local::stage::repository;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use goals::{Ratios, Whole};
use place::Place;
use report::Report;
use rules::Pure;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How the command was asked to be.
struct Options {
    /// The ratios only, of fewer answers.
    quick: bool,
    json: bool,
    /// Into the documents as well.
    write: bool,
}

impl Options {
    fn of(arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self { quick: false, json: false, write: false };
        for argument in arguments {
            match &*argument {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--write" => options.write = true,
                other => {
                    return Err(
                        format!("bench does not know {other}; it takes --quick, --json, --write").into()
                    );
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

/// Measures, and says what was found.
pub(crate) async fn run(arguments: impl Iterator<Item = String>) -> Outcome<()> {
    let options = Options::of(arguments)?;
    let machine = machine();
    stay_on_one_processor()?;
    let pure = rules::measure(if options.quick { 50 } else { 200 })?;
    let place = Place::prepare().await?;
    let report = |tables| Report { machine, commit: commit(), tables };
    let report = if options.quick {
        report(vec![quick(&place, &pure).await?])
    } else {
        let (tables, picture) = whole(&place, &pure).await?;
        let report = report(tables);
        if options.write {
            document::write(&report, &picture)?;
        }
        report
    };
    if options.json {
        println!("{:#}", report.json());
    } else {
        println!("{}", report.text());
    }
    Ok(())
}

async fn quick(place: &Place, pure: &Pure) -> Outcome<report::Table> {
    let starts = starts::measure(place, 11).await?;
    let warm = warm::measure(place, &warm::QUICK, 40, 25).await?;
    goals::table(&Ratios { pure, starts: &starts, warm: &warm }, None)
}

/// All tables, and the picture of how things grow.
async fn whole(place: &Place, pure: &Pure) -> Outcome<(Vec<report::Table>, String)> {
    let step = |what: &str| eprintln!("measuring {what}");
    step("starts");
    let starts = starts::measure(place, 41).await?;
    step("warm answers");
    place.tell_stories().await?;
    let warm = warm::measure(place, &warm::ALL, 100, 50).await?;
    step("requests");
    let counted = wire::count(place).await?;
    step("how it scales");
    let by_rules = scaling::by_rules(place, &scaling::RULES, 50).await?;
    let by_events = scaling::by_events(place, 30).await?;
    let by_body = scaling::by_body(place, 50).await?;
    step("memory");
    let mut grown = Vec::new();
    for function in ["assign-agent", "session-events"] {
        grown.push(size::memory(place, function, 50_000).await?);
    }
    let ratios = Ratios { pure, starts: &starts, warm: &warm };
    let whole = Whole { grown: &grown, counted: &counted, by_rules: &by_rules };
    let scales = [&by_rules, &by_events, &by_body];
    let mut tables = vec![
        goals::table(&ratios, Some(&whole))?,
        starts.table(),
        warm::table(&warm)?,
        wire::table(&counted),
        size::memory_table(&grown),
        size::files_table()?,
    ];
    tables.extend(scales.map(scaling::Scale::table));
    Ok((tables, plot::svg(&scales.map(scaling::Scale::panel))))
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

/// The machine in words.
fn machine() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor without a name", |(_, name)| name);
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let rust = said_by(Command::new("rustc").arg("--version"));
    let rust = rust.split(" (").next().unwrap_or_default().to_owned();
    format!("one of {count} processors, {model}, {}, {rust}", std::env::consts::ARCH)
}

/// The commit that was built, as far as Git knows.
fn commit() -> String {
    let git = |arguments: &[&str]| said_by(Command::new("git").current_dir(repository()).args(arguments));
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no", "--", "*.rs", "*.toml", "Cargo.lock"]);
    let and = if changed.is_empty() { "" } else { " and what is not committed yet" };
    format!("{}{and}", git(&["rev-parse", "--short", "HEAD"]))
}

fn said_by(command: &mut Command) -> String {
    let output = command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_default()
}
