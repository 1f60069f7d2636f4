//! A deployment as `desk doctor` and `desk send` reach it.

use std::time::Duration;

use ureq::{Agent, http::Uri};

use crate::error::CliError;

/// The HTTP client for every request. A refusal is an answer, and so is a redirect. Desk follows no redirect,
/// which would take the signature to another place. Desk waits two seconds; a person who debugs waits longer.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.timeout_global(Some(Duration::from_secs(10))).build().into()
}

/// Refuses what is not a URL of a web server, before anything is sent.
///
/// # Errors
/// It has no scheme, another one, or no host.
pub(super) fn check_url(url: &str) -> Result<(), CliError> {
    let parsed: Option<Uri> = url.parse().ok();
    let scheme = parsed.as_ref().filter(|url| url.host().is_some()).and_then(Uri::scheme_str);
    if scheme.is_some_and(|scheme| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))) {
        return Ok(());
    }
    let shown = without_secrets(url);
    Err(CliError::said(if url.contains("://") {
        format!("invalid URL {shown}; write one such as https://desk.example.com/session-events/KEY")
    } else {
        format!(
            "the URL {shown} does not say how it is reached; write https://{shown}, and the URL key behind it"
        )
    }))
}

/// The URL without its key, and the key. The key follows the last path segment that names an endpoint.
pub(super) fn endpoint_and_key(url: &str) -> Option<(&str, &str)> {
    let (endpoint, rest) = split_at_endpoint(path_start(url), url)?;
    Some((endpoint, rest.strip_prefix('/')?))
}

/// The URL up to the end of its endpoint, and the rest.
fn split_at_endpoint(path_start: usize, url: &str) -> Option<(&str, &str)> {
    let mut end = url.len();
    loop {
        let slash = url[path_start..end].rfind('/')? + path_start;
        if ["/assign-agent", "/session-events"].contains(&&url[slash..end]) {
            return Some(url.split_at(end));
        }
        end = slash;
    }
}

/// The place where the path begins, behind the scheme and the host.
fn path_start(url: &str) -> usize {
    let host = url.find("://").map_or(0, |scheme| scheme + "://".len());
    url[host..].find('/').map_or(url.len(), |length| host + length)
}

/// The URL as a message may tell it: messages end up in logs and tickets, where no key belongs. Each segment
/// behind a misspelt endpoint may be a key, so only the host is told then.
fn without_secrets(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let path_start = path_start(url);
    split_at_endpoint(path_start, url).map_or(&url[..path_start], |(endpoint, _key)| endpoint)
}

/// Nothing answered.
pub(super) fn cannot_reach(url: &str, error: &ureq::Error) -> CliError {
    CliError::said(format!("{} cannot be reached: {error}", without_secrets(url)))
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
            ("https://a.example/session-event/k3y", "https://a.example"),
            ("https://a.example/session-events-2/k3y", "https://a.example"),
            ("https://session-events/session-event/k3y", "https://session-events"),
            ("a.example/session-event/k3y", "a.example"),
        ] {
            assert_eq!(without_secrets(url), told);
        }
    }

    #[test]
    fn the_key_follows_the_last_segment_that_names_an_endpoint() {
        for (url, expected) in [
            ("https://a.example/session-events/k3y", Some(("https://a.example/session-events", "k3y"))),
            (
                "https://a.example/assign-agent/session-events/k3y",
                Some(("https://a.example/assign-agent/session-events", "k3y")),
            ),
            (
                "https://a.example/session-events/v2/assign-agent/k3y",
                Some(("https://a.example/session-events/v2/assign-agent", "k3y")),
            ),
            ("https://a.example/assign-agent/session-events", None),
            ("https://a.example/my-assign-agent/k3y", None),
            ("https://assign-agent/k3y", None),
        ] {
            assert_eq!(endpoint_and_key(url), expected, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_called_is_refused_with_a_remedy() {
        for (url, told) in [
            (
                "a.example/session-events/k3y",
                "the URL a.example/session-events does not say how it is reached; write https://a.example/session-events,",
            ),
            ("localhost:9000/session-events/k3y", "the URL localhost:9000/session-events does not say"),
            ("a.example", "the URL a.example does not say"),
            ("ftp://a.example/session-events/k3y", "invalid URL ftp://a.example/session-events; write"),
            ("https:///session-events/k3y", "invalid URL https:///session-events; write"),
            ("https://a example/session-events/k3y", "invalid URL https://a example/session-events; write"),
        ] {
            let said = check_url(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.starts_with(told) && !said.contains("k3y"), "{url}: {said}");
        }
        for url in ["https://a.example/session-events/k3y", "HTTP://127.0.0.1:9000/assign-agent"] {
            assert!(check_url(url).is_ok(), "{url}");
        }
    }
}
