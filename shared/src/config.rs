//! The environment: one struct per concern, each setting with the variable that holds it.
//!
//! A bad or missing setting ends the start with one line that names the variable, what it holds
//! and what it should hold. A secret's value is not repeated.

use std::{collections::BTreeSet, fmt::Display, str::FromStr, time::Duration};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    protocol::AppId,
    webhook::{DoorConfig, SignaturePolicy},
};

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {holds}; it should hold {should_hold}")]
pub struct SettingError {
    name: &'static str,
    holds: String,
    should_hold: &'static str,
}

/// The environment, or whatever stands in for it in a test. An empty value is an absent one.
#[derive(Clone, Copy)]
pub struct Env<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Env<'a> {
    /// Looks variables up with `lookup`.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(lookup)
    }

    /// The environment of this process.
    pub fn of_process() -> Self {
        Self(&|name| std::env::var(name).ok())
    }

    /// The value of a variable.
    pub fn get(self, name: &str) -> Option<String> {
        self.0(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn require(self, name: &'static str, should_hold: &'static str) -> Result<String, SettingError> {
        self.get(name).ok_or_else(|| SettingError { name, holds: "is not set".into(), should_hold })
    }

    fn parse<T: FromStr>(
        self,
        name: &'static str,
        should_hold: &'static str,
    ) -> Result<Option<T>, SettingError> {
        self.get(name).map(|value| parse(name, &value, should_hold)).transpose()
    }

    fn list(self, name: &str) -> Vec<String> {
        let parts = self.get(name).unwrap_or_default();
        parts.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }
}

fn parse<T: FromStr>(name: &'static str, value: &str, should_hold: &'static str) -> Result<T, SettingError> {
    value.parse().map_err(|_| wrong(name, value, should_hold))
}

fn wrong(name: &'static str, value: impl Display, should_hold: &'static str) -> SettingError {
    SettingError { name, holds: format!("holds `{value}`"), should_hold }
}

/// Where secrets of one kind are.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// In the environment; none if the list is empty.
    Here(Vec<SecretString>),
    /// In the SSM SecureString of this name.
    Parameter(String),
}

impl SecretSource {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Here(secrets) if secrets.is_empty())
    }
}

/// Where the secrets are by which callbacks are verified.
#[derive(Clone, Debug)]
pub struct SecretSources {
    /// `CALLBACK_TOKENS`, or `CALLBACK_TOKENS_PARAMETER`.
    pub tokens: SecretSource,
    /// `URL_KEYS`, or `URL_KEYS_PARAMETER`.
    pub url_keys: SecretSource,
}

/// Reads where secrets are.
///
/// # Errors
/// A setting that cannot be used.
pub fn secret_sources(env: Env<'_>) -> Result<SecretSources, SettingError> {
    let url_keys = source(env, "URL_KEYS", "URL_KEYS_PARAMETER")?;
    if let SecretSource::Here(keys) = &url_keys
        && !keys.iter().all(|key| is_url_key(key.expose_secret()))
    {
        let holds = "holds a key that is too short or has other characters".into();
        let should_hold = "keys of at least 16 letters, digits, - and _, separated by commas";
        return Err(SettingError { name: "URL_KEYS", holds, should_hold });
    }
    let tokens = source(env, "CALLBACK_TOKENS", "CALLBACK_TOKENS_PARAMETER")?;
    // What nobody looks at must not stand in the way of what somebody does.
    let tokens = if policy(env)? == SignaturePolicy::Off { SecretSource::Here(Vec::new()) } else { tokens };
    Ok(SecretSources { tokens, url_keys })
}

fn source(env: Env<'_>, here: &'static str, parameter: &'static str) -> Result<SecretSource, SettingError> {
    let secrets = secrets_of(&env.get(here).unwrap_or_default());
    if env.get(here).is_some() && secrets.is_empty() {
        let holds = "holds no secret, only commas".into();
        return Err(SettingError {
            name: here,
            holds,
            should_hold: "secrets separated by commas, or nothing",
        });
    }
    match env.get(parameter) {
        None => Ok(SecretSource::Here(secrets)),
        Some(name) if secrets.is_empty() => Ok(SecretSource::Parameter(name)),
        Some(_) => {
            let holds = "holds a name although the secrets stand in the environment too".into();
            Err(SettingError {
                name: parameter,
                holds,
                should_hold: "nothing, or be the only one of the two",
            })
        }
    }
}

/// The secrets of a list, separated by commas or line ends: whoever keeps one on each line means no other.
pub fn secrets_of(list: &str) -> Vec<SecretString> {
    let parts = list.split(|c: char| c == ',' || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(SecretString::from).collect()
}

/// A key rides in a path segment, and gateways differ in what they decode there; a short one can be guessed.
pub fn is_url_key(key: &str) -> bool {
    key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Reads who is let in: `SDK_APP_IDS`, `SIGNATURE_POLICY` and `ALLOWED_CIDRS`, and whether there are
/// [`secret_sources`].
///
/// # Errors
/// A setting that is missing or cannot be used.
pub fn door(env: Env<'_>) -> Result<DoorConfig, SettingError> {
    const APPS: &str = "app ids such as 1400000001, separated by commas";
    env.require("SDK_APP_IDS", APPS)?;
    let apps = env.list("SDK_APP_IDS");
    let apps =
        apps.iter().map(|app| parse("SDK_APP_IDS", app, APPS)).collect::<Result<BTreeSet<AppId>, _>>()?;
    if apps.is_empty() {
        return Err(wrong("SDK_APP_IDS", ",", APPS));
    }
    let SecretSources { tokens, url_keys } = secret_sources(env)?;
    let policy = policy(env)?;
    if policy == SignaturePolicy::Required && tokens.is_none() {
        let should_hold = "the token of the console's webhook settings while SIGNATURE_POLICY is `required`, \
                           or CALLBACK_TOKENS_PARAMETER the name of the parameter that does";
        env.require("CALLBACK_TOKENS", should_hold)?;
    }
    const CIDRS: &str = "address ranges such as 203.0.113.0/24, separated by commas";
    let allowed = env.list("ALLOWED_CIDRS");
    if let (Some(nothing), true) = (env.get("ALLOWED_CIDRS"), allowed.is_empty()) {
        return Err(wrong("ALLOWED_CIDRS", nothing, CIDRS));
    }
    let allowed =
        allowed.iter().map(|net| parse::<IpNet>("ALLOWED_CIDRS", net, CIDRS)).collect::<Result<_, _>>()?;
    Ok(DoorConfig { apps, policy, keyed: !url_keys.is_none(), allowed })
}

fn policy(env: Env<'_>) -> Result<SignaturePolicy, SettingError> {
    match env.get("SIGNATURE_POLICY").as_deref() {
        Some("required") => Ok(SignaturePolicy::Required),
        None | Some("if-present") => Ok(SignaturePolicy::IfPresent),
        Some("off") => Ok(SignaturePolicy::Off),
        Some(other) => Err(wrong("SIGNATURE_POLICY", other, "`required`, `if-present` or `off`")),
    }
}

/// Where things are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// `RULES_TABLE`.
    pub rules: String,
    /// `SESSIONS_TABLE`.
    pub sessions: String,
    /// `RETENTION_DAYS`, 400 if absent; `None` for 0: for ever.
    pub retention: Option<Duration>,
}

/// Reads where assign-agent finds its tables.
///
/// # Errors
/// A setting that is missing or cannot be used.
pub fn tables(env: Env<'_>) -> Result<Tables, SettingError> {
    let rules = env.require("RULES_TABLE", "the name of the rules table")?;
    Ok(Tables { rules, ..sessions_table(env)? })
}

/// Reads where session-events finds its table; it has no business with the rules.
///
/// # Errors
/// A setting that is missing or cannot be used.
pub fn sessions_table(env: Env<'_>) -> Result<Tables, SettingError> {
    const DAYS: &str = "a whole number of days up to 36500, 0 for ever";
    let sessions = env.require("SESSIONS_TABLE", "the name of the sessions table")?;
    let days = env.parse::<u64>("RETENTION_DAYS", DAYS)?.unwrap_or(400);
    if days > 36_500 {
        return Err(wrong("RETENTION_DAYS", days, DAYS));
    }
    let retention = Some(Duration::from_secs(days * 86_400)).filter(|_| days > 0);
    Ok(Tables { rules: String::new(), sessions, retention })
}

/// Reads `SPILL_QUEUE_URL`: where session-events puts what cannot be kept at once.
pub fn spill_queue(env: Env<'_>) -> Option<String> {
    env.get("SPILL_QUEUE_URL")
}

/// How questions are answered when rules cannot, and how fresh rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// `RULES_REFRESH_SECONDS`, 10 if absent: how old a ruleset in memory may get.
    pub refresh: Duration,
    /// `FALLBACK_AGENT_GROUP_ID`.
    pub fallback_group: Option<u64>,
    /// `FALLBACK_AGENT_IDS`.
    pub fallback_agents: Vec<String>,
}

/// Reads `RULES_REFRESH_SECONDS`, `FALLBACK_AGENT_GROUP_ID` and `FALLBACK_AGENT_IDS`.
///
/// # Errors
/// A setting that cannot be used.
pub fn answering(env: Env<'_>) -> Result<Answering, SettingError> {
    let refresh = env.parse("RULES_REFRESH_SECONDS", "a whole number of seconds")?;
    Ok(Answering {
        refresh: Duration::from_secs(refresh.unwrap_or(10)),
        fallback_group: env.parse("FALLBACK_AGENT_GROUP_ID", "a group's number, such as 6500")?,
        fallback_agents: env.list("FALLBACK_AGENT_IDS"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn with<T>(variables: &[(&str, &str)], read: impl Fn(Env<'_>) -> T) -> T {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        read(Env::new(&|name| variables.get(name).map(ToString::to_string)))
    }

    #[test]
    fn a_bad_setting_is_named_with_what_it_holds_and_should_hold() {
        let app = ("SDK_APP_IDS", "1400000001");
        let cases: [(&[(&str, &str)], &str); 11] = [
            (&[], "SDK_APP_IDS is not set; it should hold app ids"),
            (&[("SDK_APP_IDS", "  ")], "SDK_APP_IDS is not set; it should hold app ids"),
            (&[("SDK_APP_IDS", ",")], "SDK_APP_IDS holds `,`; it should hold app ids"),
            (&[("SDK_APP_IDS", "1400000001,desk")], "SDK_APP_IDS holds `desk`; it should hold app ids"),
            (&[app, ("SIGNATURE_POLICY", "on")], "SIGNATURE_POLICY holds `on`; it should hold `required`"),
            (
                &[app, ("SIGNATURE_POLICY", "required")],
                "CALLBACK_TOKENS is not set; it should hold the token",
            ),
            (&[app, ("ALLOWED_CIDRS", "203.0.113.300")], "ALLOWED_CIDRS holds `203.0.113.300`; it should"),
            (&[app, ("ALLOWED_CIDRS", ",")], "ALLOWED_CIDRS holds `,`; it should hold address ranges"),
            (&[app, ("URL_KEYS", " , ")], "URL_KEYS holds no secret, only commas; it should hold secrets"),
            (
                &[app, ("URL_KEYS", "s3cret/slash-of-16-letters")],
                "URL_KEYS holds a key that is too short or has other characters; it should",
            ),
            (
                &[app, ("URL_KEYS", "s3cret-of-16-letters"), ("URL_KEYS_PARAMETER", "/desk/keys")],
                "URL_KEYS_PARAMETER holds a name although",
            ),
        ];
        for (variables, expected) in cases {
            let error = with(variables, door).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("s3cret"));
        }
    }

    #[test]
    fn nothing_secret_shows_in_debug_output() {
        let set = [("SDK_APP_IDS", "1"), ("CALLBACK_TOKENS", "s3cret"), ("URL_KEYS", "s3cret-key-of-16")];
        assert!(!format!("{:?}", with(&set, secret_sources).unwrap()).contains("s3cret"));
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let read = with(&[("RULES_TABLE", "r"), ("SESSIONS_TABLE", "s")], tables).unwrap();
        assert_eq!(read.retention, Some(Duration::from_secs(400 * 86_400)));
        let for_ever = with(&[("SESSIONS_TABLE", "s"), ("RETENTION_DAYS", "0")], sessions_table).unwrap();
        assert_eq!(for_ever.retention, None);
        assert_eq!(with(&[], answering).unwrap().refresh, Duration::from_secs(10));
    }
}
