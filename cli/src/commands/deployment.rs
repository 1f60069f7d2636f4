//! A deployment as `desk doctor` and `desk send` reach it.

use std::time::Duration;

use ureq::Agent;

use crate::error::CliError;

/// What every request is sent with. A refusal is an answer, and so is a redirect: the platform follows
/// none, and whoever follows one takes the signature to another place. The platform waits two seconds;
/// whoever debugs waits longer.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.timeout_global(Some(Duration::from_secs(10))).build().into()
}

/// The URL without its key, and the key.
pub(super) fn endpoint_and_key(url: &str) -> Option<(&str, &str)> {
    ["/assign-agent", "/session-events"].iter().find_map(|path| {
        let (before, key) = url.split_once(&format!("{path}/"))?;
        Some((&url[..before.len() + path.len()], key))
    })
}

/// The URL as a message may tell it: messages end up in logs and tickets, where no key belongs.
fn without_secrets(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    endpoint_and_key(url).map_or(url, |(endpoint, _key)| endpoint)
}

/// Nothing answered.
pub(super) fn cannot_reach(url: &str, error: &ureq::Error) -> CliError {
    let why = match error {
        // Its own words repeat the whole URL.
        ureq::Error::BadUri(_) => "it needs http:// or https://, and a host".to_owned(),
        error => error.to_string(),
    };
    CliError::said(format!("{} cannot be reached: {why}", without_secrets(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_no_key_and_no_signature() {
        for (url, told) in [
            ("https://a.example/session-events/k3y?Sign=1", "https://a.example/session-events"),
            ("https://a.example/stage/assign-agent/k3y", "https://a.example/stage/assign-agent"),
            ("https://a.example/assign-agent?Sign=/session-events/", "https://a.example/assign-agent"),
            ("https://a.example", "https://a.example"),
        ] {
            assert_eq!(without_secrets(url), told);
        }
        let error = ureq::Error::BadUri("a.example/session-events/k3y is missing scheme".into());
        let said = cannot_reach("a.example/session-events/k3y", &error).to_string();
        assert!(said.starts_with("a.example/session-events cannot be reached: it needs"), "{said}");
    }
}
