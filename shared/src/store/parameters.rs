//! Secrets, as SSM keeps them.

use std::sync::OnceLock;

use secrecy::SecretString;

use super::{Access, StoreError, ports::ReadParameters};

const GET: &str = "GetParameters";

/// The parameters of this account and region.
pub struct Parameters {
    access: Access,
    /// Made when it is first asked: most functions have no parameter, and making it takes a part of the start.
    client: OnceLock<aws_sdk_ssm::Client>,
}

impl Parameters {
    /// As reached this way.
    pub fn new(access: Access) -> Self {
        Self { access, client: OnceLock::new() }
    }
}

impl ReadParameters for Parameters {
    async fn parameters(&self, names: &[&str]) -> Result<Vec<SecretString>, StoreError> {
        let wanted = names.iter().map(ToString::to_string).collect();
        let client = self.client.get_or_init(|| self.access.ssm());
        let get = client.get_parameters().set_names(Some(wanted)).with_decryption(true);
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
