//! The DynamoDB client: how it connects, how long it waits, how often it tries again.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Credentials, Region, SharedCredentialsProvider, SharedHttpClient,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::config::Env;

/// How to reach DynamoDB.
pub struct Access {
    /// The region of the tables.
    pub region: String,
    /// Who asks.
    pub credentials: SharedCredentialsProvider,
    /// Another address than the region's own.
    pub endpoint: Option<String>,
    /// How long to wait.
    pub limits: Limits,
}

/// How long a client waits: the SDK by itself would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    connect: Duration,
    attempt: Duration,
}

impl Limits {
    /// A function beside its tables, with a platform that waits two seconds.
    pub const FUNCTION: Self =
        Self { connect: Duration::from_millis(250), attempt: Duration::from_millis(300) };
    /// A person, perhaps on another continent.
    pub const PERSON: Self = Self { connect: Duration::from_secs(3), attempt: Duration::from_secs(10) };
}

/// What a function knows from its environment. Lambda puts credentials there that hold for the
/// life of the sandbox, so that the functions do without the full chain of `aws-config`.
pub fn from_env(env: Env<'_>) -> Access {
    let var = |name| env.get(name).unwrap_or_default();
    let credentials = Credentials::new(
        var("AWS_ACCESS_KEY_ID"),
        var("AWS_SECRET_ACCESS_KEY"),
        env.get("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    Access {
        region: env.get("AWS_REGION").unwrap_or_else(|| "us-east-1".into()),
        credentials: SharedCredentialsProvider::new(credentials),
        endpoint: env.get("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| env.get("AWS_ENDPOINT_URL")),
        limits: Limits::FUNCTION,
    }
}

/// A client that gives up in time.
pub fn client(access: Access) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(access.limits.connect)
        .operation_attempt_timeout(access.limits.attempt)
        .build();
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(25));
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(access.region))
        .credentials_provider(access.credentials)
        .http_client(http_client())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(endpoint) = access.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// An HTTP client with ring: against AWS-LC, 2 MB less in each artefact and no entropy gathering
/// at the first connection.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
