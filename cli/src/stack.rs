//! A deployed CloudFormation stack: its tables, and the apps that it serves.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use desk_webhooks::protocol::AppId;

use crate::{error::CliError, tables::aws};

/// The names of the tables of a stack: rules, sessions.
///
/// # Errors
/// The stack cannot be described, or it is another project's.
pub(crate) async fn tables(stack: &str, config: &SdkConfig) -> Result<(String, String), CliError> {
    let region = region(config)?;
    let resources = Client::new(config).describe_stack_resources().stack_name(stack).send().await;
    let resources = resources.map_err(|error| cannot_describe(stack, &region, &error))?;
    let table = |logical_id: &str| {
        let found =
            resources.stack_resources().iter().find(|found| found.logical_resource_id() == Some(logical_id));
        found.and_then(|found| found.physical_resource_id()).map(str::to_owned).ok_or_else(|| {
            CliError::said(format!(
                "the stack `{stack}` in {region} has no {logical_id}, so it is not a stack of this project; check --stack"
            ))
        })
    };
    Ok((table("RulesTable")?, table("SessionsTable")?))
}

/// Fails if the stack does not serve the app: no assignment request would ever reach the app's rules.
///
/// # Errors
/// The stack does not serve the app, or it cannot be described.
pub(crate) async fn require_served(stack: &str, app: AppId) -> Result<(), CliError> {
    let config = aws().await;
    let region = region(&config)?;
    let described = Client::new(&config).describe_stacks().stack_name(stack).send().await;
    let described = described.map_err(|error| cannot_describe(stack, &region, &error))?;
    let parameters = described.stacks().iter().flat_map(|stack| stack.parameters());
    let mut values = parameters.filter(|parameter| parameter.parameter_key() == Some("SdkAppIds"));
    let Some(served) = values.find_map(|parameter| parameter.parameter_value()) else { return Ok(()) };
    if served.split(',').any(|id| id.trim().parse() == Ok(app)) {
        return Ok(());
    }
    Err(CliError::said(format!(
        "the stack `{stack}` in {region} does not serve app {app}, so nothing was published: its parameter SdkAppIds is {served}; \
         check --app, or publish with --force before you add the app to SdkAppIds"
    )))
}

fn region(config: &SdkConfig) -> Result<String, CliError> {
    let region = config.region().map(ToString::to_string);
    region.ok_or_else(|| {
        CliError::said(
            "there is no AWS region to find the stack in; set AWS_REGION, or a region in your profile",
        )
    })
}

fn cannot_describe<E, R>(stack: &str, region: &str, error: &SdkError<E, R>) -> CliError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let Some(service) = error.as_service_error() else {
        let cause = root_cause(error);
        return CliError::said(format!(
            "CloudFormation in {region} cannot be asked about the stack `{stack}`: {cause}; \
             check the network, AWS_REGION and your credentials (AWS_PROFILE, `aws sso login`)"
        ));
    };
    let message = service.message().unwrap_or("it gave no reason");
    CliError::said(match service.code() {
        Some("ValidationError") => format!(
            "CloudFormation in {region} does not find the stack `{stack}`: {message}; check --stack, AWS_REGION and AWS_PROFILE"
        ),
        Some("AccessDenied" | "AccessDeniedException") => format!(
            "the AWS credentials may not read the stack `{stack}` in {region}: {message}; \
             allow cloudformation:DescribeStackResources and cloudformation:DescribeStacks, or choose others with AWS_PROFILE"
        ),
        code => format!(
            "CloudFormation in {region} does not describe the stack `{stack}`: {message} ({}); check your credentials and AWS_PROFILE",
            code.unwrap_or("no error code")
        ),
    })
}

/// The innermost cause, in its own words.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
