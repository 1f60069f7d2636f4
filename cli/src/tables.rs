//! Where the tables are.

use std::{fmt, sync::OnceLock};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use desk_local::engine::{RULES_TABLE, SESSIONS_TABLE};
use desk_webhooks::{
    config::Tables,
    store::{Access, Endpoints, Limits, Store, http_client},
};

use crate::{error::CliError, stack};

/// The region, where nobody names one: that of the local tables.
const LOCAL_REGION: &str = "us-east-1";
const LOCAL_ENDPOINT: &str = "http://127.0.0.1:8000";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the tables are, for messages.
#[derive(Debug)]
pub(crate) struct Place {
    /// The endpoint, or the region without one.
    address: String,
    rules: String,
    sessions: String,
    source: &'static str,
    /// True if they are the tables of `desk dynamodb`.
    is_local: bool,
}

/// A run of the command opens its tables once.
static PLACE: OnceLock<Place> = OnceLock::new();

/// Where the tables are, once they are open.
pub(crate) fn place() -> Option<&'static Place> {
    PLACE.get()
}

impl Place {
    /// The remedy for tables that do not answer.
    pub(crate) fn unavailable(&self) -> String {
        if self.is_local {
            let address = &self.address;
            return format!(
                "the local tables at {address} are used; start them with `desk dynamodb` or `make run`, or name a stack with --stack"
            );
        }
        format!("{self}; check the network, AWS_REGION and your credentials (AWS_PROFILE)")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, rules, sessions, source, .. } = self;
        write!(f, "the tables are `{rules}` and `{sessions}` at {address}, from {source}")
    }
}

/// The store that the user means.
///
/// # Errors
/// The stack cannot be found, or only one of the two tables is named.
pub(crate) async fn open(stack: Option<&str>) -> Result<Store, CliError> {
    let (config, (rules, sessions), source) =
        match (stack, variable("RULES_TABLE"), variable("SESSIONS_TABLE")) {
            (Some(stack), _, _) => {
                let config = aws().await;
                let named = stack::tables(stack, &config).await?;
                (config, named, "the stack")
            }
            (None, Some(rules), Some(sessions)) => {
                (aws().await, (rules, sessions), "RULES_TABLE and SESSIONS_TABLE")
            }
            (None, None, None) => return Ok(local()),
            _ => return Err(CliError::said("set both RULES_TABLE and SESSIONS_TABLE, or neither")),
        };
    let credentials = config.credentials_provider().ok_or_else(no_credentials)?;
    let endpoint = variable("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| config.endpoint_url().map(str::to_owned));
    let region = config.region().map_or_else(|| LOCAL_REGION.to_owned(), ToString::to_string);
    let address = endpoint.clone().unwrap_or_else(|| format!("DynamoDB in {region}"));
    let place = Place { address, rules, sessions, source, is_local: false };
    let endpoints = Endpoints { dynamodb: endpoint, ..Endpoints::default() };
    Ok(store(Access::new(region, credentials, endpoints, Limits::PERSON), place))
}

fn no_credentials() -> CliError {
    CliError::said("there are no AWS credentials; set AWS_PROFILE, or log in with `aws sso login`")
}

fn local() -> Store {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let address = variable("AWS_ENDPOINT_URL_DYNAMODB").unwrap_or_else(|| LOCAL_ENDPOINT.to_owned());
    let access = Access::new(
        LOCAL_REGION.to_owned(),
        SharedCredentialsProvider::new(credentials),
        Endpoints { dynamodb: Some(address.clone()), ..Endpoints::default() },
        Limits::PERSON,
    );
    let (rules, sessions) = (RULES_TABLE.to_owned(), SESSIONS_TABLE.to_owned());
    store(access, Place { address, rules, sessions, source: "`desk dynamodb`", is_local: true })
}

fn store(access: Access, place: Place) -> Store {
    // The command writes nothing that a function would let expire.
    let tables = Tables { rules: place.rules.clone(), sessions: place.sessions.clone(), retention: None };
    let _ = PLACE.set(place);
    Store::new(access.dynamodb(), tables)
}

/// The configuration of the AWS SDK that the environment and the profile give.
pub(crate) async fn aws() -> aws_config::SdkConfig {
    let version = aws_config::BehaviorVersion::v2026_01_12();
    aws_config::defaults(version).http_client(http_client()).load().await
}
