//! Secrets, as SSM keeps them.

use secrecy::SecretString;

use super::{StoreError, ports::ReadParameters};

const GET: &str = "GetParameters";

/// The parameters of this account and region.
#[derive(Clone, Debug)]
pub struct Parameters {
    client: aws_sdk_ssm::Client,
}

impl Parameters {
    /// As seen by this client.
    pub fn new(client: aws_sdk_ssm::Client) -> Self {
        Self { client }
    }
}

impl ReadParameters for Parameters {
    async fn parameters(&self, names: &[&str]) -> Result<Vec<SecretString>, StoreError> {
        let wanted = names.iter().map(ToString::to_string).collect();
        let get = self.client.get_parameters().set_names(Some(wanted)).with_decryption(true);
        let found = get.send().await.map_err(|error| StoreError::of(GET, error))?.parameters;
        let found = found.unwrap_or_default();
        let value = |name: &&str| {
            let of_name = found.iter().find(|parameter| parameter.name() == Some(name));
            let value = of_name.and_then(|parameter| parameter.value());
            value
                .map(SecretString::from)
                .ok_or_else(|| StoreError::unreadable(GET, format!("no parameter {name}")))
        };
        names.iter().map(value).collect()
    }
}
