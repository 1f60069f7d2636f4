use std::{borrow::Cow, collections::BTreeSet};

use form_urlencoded::parse as query_pairs;
use ipnet::IpNet;
use secrecy::SecretString;

use super::{
    Cause, Incoming, Refusal,
    signature::{is_any_of, is_signed},
};
use crate::protocol::{self, AppId, Command, Endpoint};

/// How far `RequestTime` may be off, either way (1047/34354).
const WINDOW_SECONDS: i64 = 60;

/// Whether callbacks must be signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// A callback without a valid signature is refused.
    Required,
    /// A signature that is there must be valid; without tokens, none is looked at.
    #[default]
    IfPresent,
    /// Signatures are not looked at.
    Off,
}

/// What only the platform and we know. Debug output shows none of it.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The live tokens: several while one is being replaced.
    pub tokens: Vec<SecretString>,
    /// The accepted URL keys; none means that no key is needed.
    pub url_keys: Vec<SecretString>,
}

/// Who is let in.
#[derive(Clone, Debug)]
pub struct DoorConfig {
    /// `SDK_APP_IDS`: the apps that are served.
    pub apps: BTreeSet<AppId>,
    /// `SIGNATURE_POLICY`.
    pub policy: SignaturePolicy,
    /// Whether there are URL keys, wherever they are kept.
    pub keyed: bool,
    /// `ALLOWED_CIDRS`; none means all.
    pub allowed: Vec<IpNet>,
}

/// The front door of one endpoint.
#[derive(Clone, Debug)]
pub struct Door {
    endpoint: Endpoint,
    config: DoorConfig,
}

/// What was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// The console's check of the URL: answered, without any effect.
    Probe,
    /// A callback.
    Callback(Callback),
}

/// A verified callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// For which app.
    pub app: AppId,
    /// What it is.
    pub command: Command,
    /// The body as received.
    pub body: String,
    /// `OptPlatform`, an open and case-insensitive set.
    pub platform: Option<String>,
    /// `ClientIP`, the end user's address as the platform saw it.
    pub client_ip: Option<String>,
}

impl Door {
    /// The door of this endpoint.
    pub fn new(endpoint: Endpoint, config: DoorConfig) -> Self {
        Self { endpoint, config }
    }

    /// The apps that are served.
    pub fn apps(&self) -> impl Iterator<Item = AppId> {
        self.config.apps.iter().copied()
    }

    /// Whether anybody who knows an app id may come in.
    pub fn is_open(&self) -> bool {
        self.config.policy != SignaturePolicy::Required && !self.config.keyed
    }

    /// Lets a request in, or says why not. `now_seconds` is the time since the Unix epoch; without
    /// `secrets`, which could never yet be loaded, nobody can prove anything.
    ///
    /// # Errors
    /// Every [`Refusal`]; none of them has had any effect.
    pub fn admit(
        &self,
        mut incoming: Incoming,
        secrets: Option<&Secrets>,
        now_seconds: i64,
    ) -> Result<Admitted, Refusal> {
        if incoming.method() != "POST" {
            return Err(Refusal::NotPost);
        }
        let body = incoming.take_body()?;
        let query = Query::read(incoming.raw_query_string.as_deref().unwrap_or_default())?;
        let app = self.authenticate(&incoming, &query, secrets, body.is_empty(), now_seconds)?;
        let Some(app) = app.filter(|_| !body.is_empty()) else {
            return Ok(Admitted::Probe);
        };
        let body = String::from_utf8(body).map_err(|_| Refusal::NotUtf8)?;
        let command = self.command(&query, &body)?;
        Ok(Admitted::Callback(Callback {
            app,
            command,
            body,
            platform: query.platform.map(Cow::into_owned),
            client_ip: query.client_ip.map(Cow::into_owned),
        }))
    }

    /// The app that the request is for; a probe may come without one.
    fn authenticate(
        &self,
        incoming: &Incoming,
        query: &Query<'_>,
        secrets: Option<&Secrets>,
        is_probe: bool,
        now_seconds: i64,
    ) -> Result<Option<AppId>, Refusal> {
        let DoorConfig { apps, allowed, .. } = &self.config;
        let from_allowed = |ip| allowed.iter().any(|net| net.contains(&ip));
        if !allowed.is_empty() && !incoming.source_ip().is_some_and(from_allowed) {
            return Err(Cause::SourceAddress.into());
        }
        let secrets = secrets.ok_or(Refusal::NoSecrets)?;
        if !secrets.url_keys.is_empty() && !is_any_of(&secrets.url_keys, self.url_key(incoming)) {
            return Err(Cause::UrlKey.into());
        }
        let app = match &query.app {
            Some(app) => Some(app.parse().ok().filter(|app| apps.contains(app)).ok_or(Cause::ForeignApp)?),
            None if is_probe => None,
            None => return Err(Cause::NoApp.into()),
        };
        self.check_signature(query, &secrets.tokens, now_seconds)?;
        Ok(app)
    }

    /// What follows the endpoint in the path; empty when nothing does.
    fn url_key<'a>(&self, incoming: &'a Incoming) -> &'a str {
        let rest = incoming.raw_path.strip_prefix(self.endpoint.path()).unwrap_or_default();
        rest.strip_prefix('/').unwrap_or_default()
    }

    fn check_signature(
        &self,
        query: &Query<'_>,
        tokens: &[SecretString],
        now_seconds: i64,
    ) -> Result<(), Cause> {
        let sign = match (self.config.policy, &query.sign) {
            (SignaturePolicy::Off, _) | (SignaturePolicy::IfPresent, None) => return Ok(()),
            (SignaturePolicy::IfPresent, Some(_)) if tokens.is_empty() => return Ok(()),
            (SignaturePolicy::Required, None) => return Err(Cause::NoSignature),
            (_, Some(sign)) => sign,
        };
        let request_time = query.request_time.as_deref().ok_or(Cause::NoRequestTime)?;
        let digits = request_time.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = request_time.parse().ok().filter(|_| digits).ok_or(Cause::NoRequestTime)?;
        if now_seconds.abs_diff(seconds) > WINDOW_SECONDS as u64 {
            return Err(Cause::RequestTimeOff);
        }
        if is_signed(tokens, sign, request_time) { Ok(()) } else { Err(Cause::WrongSignature) }
    }

    fn command(&self, query: &Query<'_>, body: &str) -> Result<Command, Refusal> {
        let in_body = protocol::command_of(body).map_err(|_| Refusal::NotJson)?;
        let in_query = query.command.as_deref().map(Command::from_wire);
        let command = match (in_query, in_body) {
            (Some(query), Some(body)) if query != body => return Err(Refusal::CommandsDisagree),
            (query, body) => body.or(query).unwrap_or(Command::Other(String::new())),
        };
        match command.endpoint() {
            Some(endpoint) if endpoint != self.endpoint => Err(Refusal::WrongEndpoint),
            None if self.endpoint == Endpoint::AssignAgent => Err(Refusal::UnknownCommand),
            _ => Ok(command),
        }
    }
}

/// What we use of the query; an empty value is an absent one.
#[derive(Default)]
struct Query<'a> {
    app: Option<Cow<'a, str>>,
    command: Option<Cow<'a, str>>,
    sign: Option<Cow<'a, str>>,
    request_time: Option<Cow<'a, str>>,
    platform: Option<Cow<'a, str>>,
    client_ip: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    fn read(raw: &'a str) -> Result<Self, Cause> {
        let mut query = Self::default();
        let mut seen = [false; 3];
        for (name, value) in query_pairs(raw.as_bytes()) {
            let (slot, once) = match &*name {
                "SdkAppid" => (&mut query.app, Some(0)),
                "Sign" => (&mut query.sign, Some(1)),
                "RequestTime" => (&mut query.request_time, Some(2)),
                "CallbackCommand" => (&mut query.command, None),
                "OptPlatform" => (&mut query.platform, None),
                "ClientIP" => (&mut query.client_ip, None),
                _ => continue,
            };
            if once.is_some_and(|once| std::mem::replace(&mut seen[once], true)) {
                return Err(Cause::RepeatedParameter);
            }
            *slot = Some(value).filter(|value| !value.is_empty());
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests;
