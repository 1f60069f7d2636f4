//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use desk_webhooks::protocol::AppId;

/// Run Desk webhooks locally, check and publish rules, read sessions.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Which tables: those of the stack with --stack NAME; else those that RULES_TABLE and SESSIONS_TABLE
name; else the local ones of `desk dynamodb`, at AWS_ENDPOINT_URL_DYNAMODB or http://127.0.0.1:8000.

Examples:
  desk rules init > rules.yaml
  desk rules publish rules.yaml --app 1400000001 --stack desk-webhooks
  desk sessions list --app 1400000001 --user maya

Exit codes: 0 if it is done, 1 if it failed or its output could not be written, 2 if the command line
is wrong. A reader that closes the pipe early, such as `head`, changes none of them and ends the output
quietly. A standard output that was closed from the start (`>&-`) is the same as /dev/null."
)]
pub(crate) struct Arguments {
    /// The deployed CloudFormation stack whose tables are meant
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write, check, explain and publish rules
    #[command(subcommand)]
    Rules(Rules),
    /// Show the hours that hold, day by day, and what made them
    Calendar(Calendar),
    /// Read sessions back
    #[command(subcommand)]
    Sessions(Sessions),
    /// See what was verified and not understood
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Say what rules may know of a user
    #[command(subcommand)]
    Users(Users),
    /// Send a callback, as the platform would
    Send(Send),
    /// Check a deployment from outside, without any effect on it
    Doctor(Doctor),
    /// Serve this project's tables from an embedded DynamoDB
    Dynamodb(Dynamodb),
}

#[derive(Subcommand)]
pub(crate) enum Rules {
    /// Print a commented ruleset to start from
    #[command(after_help = "Example:\n  desk rules init > rules.yaml")]
    Init,
    /// Print the JSON Schema of rulesets, by which editors complete and check
    #[command(after_help = "Example:\n  desk rules schema > ruleset.schema.json")]
    Schema,
    /// Say everything that is wrong with a ruleset, and run its tests
    #[command(after_help = "Example:\n  desk rules check rules.yaml")]
    Check {
        /// The ruleset, YAML or JSON
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show how a question is decided, rule by rule
    Explain(Explain),
    /// Check a ruleset and put it to work
    #[command(after_help = "\
Examples:
  desk rules publish rules.yaml --app 1400000001 --note 'VIPs at night'
  desk rules publish rules.yaml --app 1400000001 --expect 7    only if version 7 is active")]
    Publish {
        /// The ruleset, YAML or JSON
        file: PathBuf,
        #[command(flatten)]
        app: App,
        /// Publish only if this version is the active one
        #[arg(long, value_name = "VERSION", value_parser = number::<u64>)]
        expect: Option<u64>,
        /// Publish even if the stack does not serve the app yet
        #[arg(long)]
        force: bool,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        author: Author,
    },
    /// Show what changed between two versions or files, and which tests come out otherwise
    #[command(after_help = "\
Examples:
  desk rules diff rules.yaml --app 1400000001    from the active version to the file
  desk rules diff 6 7 --app 1400000001           from version 6 to version 7
  desk rules diff old.yaml new.yaml")]
    Diff {
        /// A version or a file; from the active version to this, if it stands alone
        #[arg(value_name = "A")]
        first: String,
        /// A version or a file
        #[arg(value_name = "B", required_unless_present = "app")]
        second: Option<String>,
        /// The app whose versions are meant
        #[arg(long, value_name = "ID")]
        app: Option<AppId>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put an earlier version in force again
    #[command(after_help = "\
Examples:
  desk rules rollback --app 1400000001 --note 'wrong pool at night'    to the version before
  desk rules rollback 5 --app 1400000001")]
    Rollback {
        /// The version; the one before the active one if absent
        #[arg(value_parser = number::<u64>)]
        version: Option<u64>,
        #[command(flatten)]
        app: App,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        author: Author,
    },
    /// List the published versions, newest first
    #[command(after_help = "Example:\n  desk rules list --app 1400000001")]
    List {
        #[command(flatten)]
        app: App,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a version as it was written
    #[command(after_help = "Example:\n  desk rules show 7 --app 1400000001 > rules.yaml")]
    Show {
        /// The version; the active one if absent
        #[arg(value_parser = number::<u64>)]
        version: Option<u64>,
        #[command(flatten)]
        app: App,
    },
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  desk rules explain rules.yaml --event events/assign-agent/on-assign-human.json
  desk rules explain rules.yaml --event question.json --given facts.json --at 2027-02-01T10:00+08:00
  desk rules explain --app 1400000001 --event question.json    with the active ruleset
  desk rules explain --app 1400000001 --session s-1            why it was answered as it was

FACTS.json holds what `given` of a ruleset's test holds, such as
  { \"user\": { \"tags\": [\"vip\"] }, \"texts\": [\"I want a refund\"] }
What is not given is unknown.")]
pub(crate) struct Explain {
    /// The ruleset; the active one of --app if absent
    #[arg(required_unless_present = "app")]
    pub(crate) file: Option<PathBuf>,
    /// The assignment request: the callback's body, or the API Gateway event around it
    #[arg(long, value_name = "BODY.json", required_unless_present_any = ["session", "given"])]
    pub(crate) event: Option<PathBuf>,
    /// What is known besides
    #[arg(long, value_name = "FACTS.json")]
    pub(crate) given: Option<PathBuf>,
    /// When it is asked; the question's EventTime if absent, or now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<jiff::Timestamp>,
    /// A session whose recorded answer is explained
    #[arg(long, value_name = "ID", requires = "app", conflicts_with_all = ["file", "event", "given", "at"])]
    pub(crate) session: Option<String>,
    /// Which question of the session, from 1; the last if absent
    #[arg(long, value_name = "N", requires = "session", value_parser = number::<usize>)]
    pub(crate) attempt: Option<usize>,
    /// The app whose active ruleset is meant
    #[arg(long, value_name = "ID")]
    pub(crate) app: Option<AppId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  desk calendar rules.yaml support
  desk calendar rules.yaml support --from 2027-02-01 --to 2027-02-14")]
pub(crate) struct Calendar {
    /// The ruleset, YAML or JSON
    pub(crate) file: PathBuf,
    /// The calendar's name
    pub(crate) name: String,
    /// The first day; today if absent
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<jiff::civil::Date>,
    /// The last day; two weeks if absent
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) to: Option<jiff::civil::Date>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Sessions {
    /// List the sessions of a day or of a user, newest first
    #[command(after_help = "\
Examples:
  desk sessions list --app 1400000001 --day 2027-02-01
  desk sessions list --app 1400000001 --user maya --json
  desk sessions list --app 1400000001 --day 2027-02-01 --after s-1042    the next page")]
    List {
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        of: DayOrUser,
        /// How many to list; 100 if absent, with --json all
        #[arg(long, value_name = "COUNT", value_parser = count)]
        limit: Option<usize>,
        /// Go on behind this session, the last of the page before
        #[arg(long, value_name = "SESSION")]
        after: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write sessions to standard output, oldest first, for other programs
    #[command(after_help = "\
Examples:
  desk sessions export --app 1400000001 --since 2027-02-01 > sessions.jsonl
  desk sessions export --app 1400000001 --day 2027-02-01 --format csv > sessions.csv

jsonl: a line for each session, with its summary, and its timeline with the bodies as received.
csv: a line for each session, with what its summary says.
Sessions that began in the same millisecond are ordered by their ids.
If it ends early (Ctrl-C, a full disk, a reader that ends), standard error has the --resume with which
the same command goes on behind the last line; what a reader left in a pipe is written again.
Sessions that begin, or are found to have begun earlier, during an export may be missing: export days
that are over.")]
    Export {
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        of: Of,
        /// What a line looks like
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        /// Go on behind this place, as a broken-off export names it
        #[arg(long, value_name = "PLACE")]
        resume: Option<String>,
    },
    /// Rebuild summaries and users' profiles from the sessions of a day, of several days or of a user
    #[command(after_help = "\
Examples:
  desk sessions refold --app 1400000001 --day 2027-02-01
  desk sessions refold --app 1400000001 --since 2027-02-01
  desk sessions refold --app 1400000001 --user maya")]
    Refold {
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        of: Of,
    },
    /// Tell a session from beginning to end, decisions included
    #[command(after_help = "Example:\n  desk sessions show s-1 --app 1400000001")]
    Show {
        /// The session's id
        session: String,
        #[command(flatten)]
        app: App,
        /// The time zone of what is shown; that of the active ruleset if absent
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
        /// Print JSON: Event values and bodies as received
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DayOrUser {
    /// The UTC day on which the sessions began, such as 2027-02-01
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) day: Option<jiff::civil::Date>,
    /// The user's id
    #[arg(long)]
    pub(crate) user: Option<String>,
}

/// How a session is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON, a line for each
    Jsonl,
    /// A table
    Csv,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Of {
    /// The UTC day on which the sessions began
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) day: Option<jiff::civil::Date>,
    /// The first UTC day of those up to today
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<jiff::civil::Date>,
    /// The user's id
    #[arg(long)]
    pub(crate) user: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Quarantine {
    /// List what came in on a day, with what was not understood of it
    #[command(after_help = "Example:\n  desk quarantine list --app 1400000001 --day 2027-02-01")]
    List {
        #[command(flatten)]
        app: App,
        /// The UTC day on which it came in; today if absent
        #[arg(long, value_name = "DATE", value_parser = date)]
        day: Option<jiff::civil::Date>,
        /// Print JSON, bodies included
        #[arg(long)]
        json: bool,
    },
    /// Print an entry's body as it was received
    #[command(after_help = "\
Example:
  desk quarantine show 1801447200000#5f70bf18... --app 1400000001    as `list` names it")]
    Show {
        /// The entry, or the beginning of its name
        entry: String,
        #[command(flatten)]
        app: App,
    },
    /// Keep what is understood by now where it belongs, and take it out of quarantine
    #[command(after_help = "\
Example, after an upgrade:
  desk quarantine replay --app 1400000001 --day 2027-02-01

What is still not understood stays. May be broken off and begun again: nothing is kept twice.")]
    Replay {
        #[command(flatten)]
        app: App,
        /// The UTC day on which it came in; today if absent
        #[arg(long, value_name = "DATE", value_parser = date)]
        day: Option<jiff::civil::Date>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Users {
    /// Change what rules may know of a user; what is not named stays
    #[command(after_help = "\
Examples:
  desk users set --app 1400000001 maya --tag vip --language en
  desk users set --app 1400000001 maya --untag vip --attribute tier=gold")]
    Set {
        /// The user's id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        user: String,
        #[command(flatten)]
        app: App,
        /// Add a tag
        #[arg(long = "tag", value_name = "TAG", value_parser = NonEmptyStringValueParser::new())]
        tags: Vec<String>,
        /// Remove a tag
        #[arg(long = "untag", value_name = "TAG")]
        untags: Vec<String>,
        /// Set the language; an empty text removes it
        #[arg(long)]
        language: Option<String>,
        /// Set an attribute; an empty value removes it
        #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = name_and_value)]
        attributes: Vec<(String, String)>,
    },
    /// Delete all that is known of a user: sessions, decisions, profile, attributes, quarantine
    #[command(after_help = "\
Examples:
  desk users erase --app 1400000001 maya
  desk users erase --app 1400000001 maya --yes --json    for programs

Sessions of other users stay, without this user's events and decisions.

May be interrupted and repeated. An event of the user that arrives later begins a new session,
which the next erasure finds: run it again when the user's last session is over.")]
    Erase {
        /// The user's id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        user: String,
        #[command(flatten)]
        app: App,
        /// Do not ask first
        #[arg(long)]
        yes: bool,
        /// How many days of quarantine are searched: as many as things are kept
        #[arg(long, value_name = "DAYS", default_value_t = 400, value_parser = number::<u64>)]
        quarantine_days: u64,
        /// Print the receipt as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what rules know of a user
    #[command(after_help = "Example:\n  desk users show --app 1400000001 maya")]
    Show {
        /// The user's id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        user: String,
        #[command(flatten)]
        app: App,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  desk send --url http://127.0.0.1:9000/assign-agent --app 1400000001 --session s-1 --user maya --command ChatBot.OnAssignHuman
  desk send --url http://127.0.0.1:9000/session-events --app 1400000001 --session s-1 --user maya --event ChatBot.UserSendMsg --text 'hello'
  desk send --url https://example.com/session-events/KEY --app 1400000001 --body body.json --token TOKEN")]
pub(crate) struct Send {
    /// Where to: the URL as the platform knows it, with the URL key if there is one
    #[arg(long)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) app: App,
    /// Sign with this token
    #[arg(long, env = "CALLBACK_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Send this body, or the body of this API Gateway event
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "session", "user", "event", "text", "agent"])]
    pub(crate) body: Option<PathBuf>,
    /// CallbackCommand; Desk.SessionEventNotify if absent
    #[arg(long, value_name = "NAME")]
    pub(crate) command: Option<String>,
    /// SessionId
    #[arg(long, required_unless_present = "body")]
    pub(crate) session: Option<String>,
    /// ClientUserId
    #[arg(long, default_value = "")]
    pub(crate) user: String,
    /// Event, such as SessionBegin or ChatBot.UserSendMsg
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// The text of a message
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// AgentId
    #[arg(long)]
    pub(crate) agent: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  desk doctor --url https://example.com/session-events/KEY --app 1400000001
  desk doctor --url https://example.com/assign-agent --app 1400000001 --token TOKEN --json

Exits with 1 if a check fails.")]
pub(crate) struct Doctor {
    /// The URL as the platform knows it, with the URL key if there is one
    #[arg(long)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) app: App,
    /// A live token, where callbacks are signed
    #[arg(long, env = "CALLBACK_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  desk dynamodb                      in memory: what is stored goes when it ends
  desk dynamodb --data desk.sqlite   kept in a file")]
pub(crate) struct Dynamodb {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 8000, value_parser = number::<u16>)]
    pub(crate) port: u16,
    /// Keep what is stored in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Author {
    /// Who does it
    #[arg(
        long = "author",
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        default_value = "unknown"
    )]
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct App {
    /// The app's id (SdkAppid)
    #[arg(long = "app", value_name = "ID")]
    pub(crate) id: AppId,
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a whole number, such as 7".to_owned())
}

fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let remedy = || missing_day(text) + "write date, time and offset, such as 2027-02-01T10:00+08:00";
    text.parse().map_err(|_| remedy())
}

fn date(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse().map_err(|_| missing_day(text) + "write a date such as 2027-02-01")
}

/// How many days the month has, if the text begins with a date that only lacks its day.
fn missing_day(text: &str) -> String {
    let days = |month: &str| Some(format!("{month}-01").parse::<jiff::civil::Date>().ok()?.days_in_month());
    match text.get(..7).and_then(|month| Some((month, days(month)?))) {
        Some((month, days)) if text[7..].starts_with('-') && day_number(&text[8..]) > Some(days) => {
            format!("{month} has {days} days; ")
        }
        _ => String::new(),
    }
}

/// The two digits with which a text begins.
fn day_number(text: &str) -> Option<i8> {
    text.get(..2)?.parse().ok()
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "write an integer of at least 1".to_owned())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, such as tier=gold".to_owned()),
    }
}
