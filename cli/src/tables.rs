//! Where the tables are.

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use desk_local::engine::{RULES_TABLE, SESSIONS_TABLE};
use desk_webhooks::{
    config::Tables,
    store::{Access, Endpoints, Limits, Store, http_client},
};

use crate::error::CliError;

/// The region, where nobody names one: that of the local tables.
const LOCAL_REGION: &str = "us-east-1";
const LOCAL_ENDPOINT: &str = "http://127.0.0.1:8000";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The store that the user means.
///
/// # Errors
/// The stack cannot be found, or only one of the two tables is named.
pub(crate) async fn open(stack: Option<&str>) -> Result<Store, CliError> {
    let named = match (stack, variable("RULES_TABLE"), variable("SESSIONS_TABLE")) {
        (Some(stack), _, _) => of_stack(stack).await?,
        (None, Some(rules), Some(sessions)) => (rules, sessions),
        (None, None, None) => return Ok(local()),
        _ => return Err(CliError::said("set both RULES_TABLE and SESSIONS_TABLE, or neither")),
    };
    let config = aws().await;
    let credentials = config.credentials_provider();
    let endpoint = variable("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| config.endpoint_url().map(str::to_owned));
    let access = Access::new(
        config.region().map_or_else(|| LOCAL_REGION.to_owned(), ToString::to_string),
        credentials.ok_or_else(no_credentials)?,
        Endpoints { dynamodb: endpoint, ..Endpoints::default() },
        Limits::PERSON,
    );
    Ok(store(access, named))
}

fn no_credentials() -> CliError {
    CliError::said("there are no AWS credentials; set AWS_PROFILE, or log in with `aws sso login`")
}

fn local() -> Store {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let endpoint = variable("AWS_ENDPOINT_URL_DYNAMODB").unwrap_or_else(|| LOCAL_ENDPOINT.to_owned());
    let access = Access::new(
        LOCAL_REGION.to_owned(),
        SharedCredentialsProvider::new(credentials),
        Endpoints { dynamodb: Some(endpoint), ..Endpoints::default() },
        Limits::PERSON,
    );
    store(access, (RULES_TABLE.to_owned(), SESSIONS_TABLE.to_owned()))
}

fn store(access: Access, (rules, sessions): (String, String)) -> Store {
    // The command writes nothing that a function would let expire.
    Store::new(access.dynamodb(), Tables { rules, sessions, retention: None })
}

async fn aws() -> aws_config::SdkConfig {
    let version = aws_config::BehaviorVersion::v2026_01_12();
    aws_config::defaults(version).http_client(http_client()).load().await
}

/// The tables that a stack has made: rules, sessions.
async fn of_stack(stack: &str) -> Result<(String, String), CliError> {
    let client = aws_sdk_cloudformation::Client::new(&aws().await);
    let resources = client.describe_stack_resources().stack_name(stack).send().await.map_err(|error| {
        let cause = aws_sdk_cloudformation::error::DisplayErrorContext(&error);
        CliError::said(format!(
            "the stack `{stack}` cannot be described; check its name, AWS_REGION and AWS_PROFILE ({cause})"
        ))
    })?;
    let table = |logical_id: &str| {
        let found =
            resources.stack_resources().iter().find(|found| found.logical_resource_id() == Some(logical_id));
        found.and_then(|found| found.physical_resource_id()).map(str::to_owned).ok_or_else(|| {
            CliError::said(format!("the stack `{stack}` has no {logical_id}; is it one of this project?"))
        })
    };
    Ok((table("RulesTable")?, table("SessionsTable")?))
}
