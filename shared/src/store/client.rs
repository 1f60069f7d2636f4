//! The AWS clients: how they connect, how long they wait, how often they try again.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, SharedHttpClient,
    StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_types::SdkConfig;

use crate::{config::Env, edge::budget};

/// How to reach AWS; its clients share their connections.
#[derive(Clone)]
pub struct Access {
    config: SdkConfig,
    endpoints: Endpoints,
}

/// Addresses to use in place of the region's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// DynamoDB's.
    pub dynamodb: Option<String>,
    /// SQS's.
    pub sqs: Option<String>,
    /// SSM's.
    pub ssm: Option<String>,
}

impl Endpoints {
    /// What the environment says, by the SDK's own variables.
    pub fn from_env(env: Env<'_>) -> Self {
        let endpoint = |name| env.get(name).or_else(|| env.get("AWS_ENDPOINT_URL"));
        Self {
            dynamodb: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            sqs: endpoint("AWS_ENDPOINT_URL_SQS"),
            ssm: endpoint("AWS_ENDPOINT_URL_SSM"),
        }
    }
}

/// How long a client waits: the SDK by itself would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    connect: Duration,
    attempt: Duration,
}

impl Limits {
    /// A function beside its tables, with a platform that waits two seconds.
    pub const FUNCTION: Self = Self { connect: budget::CONNECT, attempt: budget::ATTEMPT };
    /// The same for calls that may carry a body of 1 MiB.
    pub const BODIES: Self = Self { connect: budget::CONNECT, attempt: budget::BODY_ATTEMPT };
    /// The same for reading secrets.
    pub const SECRETS: Self = Self { connect: budget::CONNECT, attempt: budget::SECRETS_ATTEMPT };
    /// A person, perhaps on another continent.
    pub const PERSON: Self = Self { connect: Duration::from_secs(3), attempt: Duration::from_secs(10) };
}

impl Limits {
    fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(self.connect).operation_attempt_timeout(self.attempt).build()
    }
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
    Access::new(
        env.get("AWS_REGION").unwrap_or_else(|| "us-east-1".into()),
        SharedCredentialsProvider::new(credentials),
        Endpoints::from_env(env),
        Limits::FUNCTION,
    )
}

impl Access {
    /// Reaches AWS in this region as whoever has these credentials, and gives up in time.
    pub fn new(
        region: String,
        credentials: SharedCredentialsProvider,
        endpoints: Endpoints,
        limits: Limits,
    ) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(credentials)
            .http_client(http_client())
            .timeout_config(limits.timeouts())
            // Each attempt has its limit: nothing has to watch over how fast its bytes come.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::standard().with_initial_backoff(budget::BACKOFF))
            .build();
        Self { config, endpoints }
    }

    /// The same, with other limits.
    #[must_use]
    pub fn within(&self, limits: Limits) -> Self {
        let config = self.config.to_builder().timeout_config(limits.timeouts()).build();
        Self { config, endpoints: self.endpoints.clone() }
    }

    /// A client of DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.config);
        config.set_endpoint_url(self.endpoints.dynamodb.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::config::Builder::from(&self.config);
        config.set_endpoint_url(self.endpoints.sqs.clone());
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// A client of SSM.
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        let mut config = aws_sdk_ssm::config::Builder::from(&self.config);
        config.set_endpoint_url(self.endpoints.ssm.clone());
        aws_sdk_ssm::Client::from_conf(config.build())
    }
}

/// An HTTP client with ring: against AWS-LC, 2 MB less in each artefact and no entropy gathering
/// at the first connection.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
