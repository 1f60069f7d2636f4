use std::{collections::BTreeSet, fmt};

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

/// Who stands before the door, before it is known who that is.
pub struct Caller {
    url_key: String,
    query: Query,
    body: Vec<u8>,
}

/// A verified callback. Debug output shows nothing that a person wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// For which app.
    pub app: AppId,
    /// What it is.
    pub command: Command,
    /// The body as received, whatever it is.
    pub body: Vec<u8>,
    /// `OptPlatform`, an open and case-insensitive set.
    pub platform: Option<String>,
    /// `ClientIP`, the end user's address as the platform saw it.
    pub client_ip: Option<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = self.command.log_name();
        f.debug_struct("Callback").field("app", &self.app).field("command", &command).finish_non_exhaustive()
    }
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
        incoming: Incoming,
        secrets: Option<&Secrets>,
        now_seconds: i64,
    ) -> Result<Admitted, Refusal> {
        let caller = self.meet(incoming)?;
        let app = self.verify(&caller, secrets, now_seconds)?;
        self.enter(caller, app)
    }

    /// The first of three steps: what needs no secret.
    ///
    /// # Errors
    /// Not what a callback looks like, or from elsewhere.
    pub fn meet(&self, mut incoming: Incoming) -> Result<Caller, Refusal> {
        if incoming.method() != "POST" {
            return Err(Refusal::NotPost);
        }
        let body = incoming.take_body()?;
        let query = Query::read(incoming.raw_query_string.as_deref().unwrap_or_default())?;
        let allowed = &self.config.allowed;
        let from_allowed = |ip| allowed.iter().any(|net| net.contains(&ip));
        if !allowed.is_empty() && !incoming.source_ip().is_some_and(from_allowed) {
            return Err(Cause::SourceAddress.into());
        }
        // What follows the endpoint in the path; empty when nothing does.
        let rest = incoming.raw_path.strip_prefix(self.endpoint.path()).unwrap_or_default();
        let url_key = rest.strip_prefix('/').unwrap_or_default().to_owned();
        Ok(Caller { url_key, query, body })
    }

    /// The second: whether the caller is the platform. Returns the app that the request is for; a probe may come
    /// without one.
    ///
    /// # Errors
    /// It is not, or there are no secrets by which to tell.
    pub fn verify(
        &self,
        Caller { url_key, query, body }: &Caller,
        secrets: Option<&Secrets>,
        now_seconds: i64,
    ) -> Result<Option<AppId>, Refusal> {
        let secrets = secrets.ok_or(Refusal::NoSecrets)?;
        if !secrets.url_keys.is_empty() && !is_any_of(&secrets.url_keys, url_key) {
            return Err(Cause::UrlKey.into());
        }
        let ours = |app: &AppId| self.config.apps.contains(app);
        let app = match &query.app {
            Some(app) => Some(app.parse().ok().filter(ours).ok_or(Cause::ForeignApp)?),
            None if body.is_empty() => None,
            None => return Err(Cause::NoApp.into()),
        };
        self.check_signature(query, &secrets.tokens, now_seconds)?;
        Ok(app)
    }

    /// The third: what a caller that was verified wants.
    ///
    /// # Errors
    /// Not what this endpoint is there for.
    pub fn enter(&self, Caller { query, body, .. }: Caller, app: Option<AppId>) -> Result<Admitted, Refusal> {
        let Some(app) = app.filter(|_| !body.is_empty()) else {
            return Ok(Admitted::Probe);
        };
        let command = self.command(&query, &body)?;
        Ok(Admitted::Callback(Callback {
            app,
            command,
            body,
            platform: query.platform,
            client_ip: query.client_ip,
        }))
    }

    fn check_signature(&self, query: &Query, tokens: &[SecretString], now_seconds: i64) -> Result<(), Cause> {
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

    fn command(&self, query: &Query, body: &[u8]) -> Result<Command, Refusal> {
        let in_body = protocol::command_of(body);
        let in_query = query.command.as_deref().map(Command::from_wire);
        let command = match (in_query, in_body) {
            (Some(query), Some(body)) if query != body => return Err(Refusal::CommandsDisagree),
            (query, body) => body.or(query),
        };
        // If neither names a command, the URL says what it is.
        let Some(command) = command else { return Ok(Command::Other(String::new())) };
        match command.endpoint() {
            Some(endpoint) if endpoint != self.endpoint => Err(Refusal::WrongEndpoint),
            None if self.endpoint == Endpoint::AssignAgent => Err(Refusal::UnknownCommand),
            _ => Ok(command),
        }
    }
}

/// What we use of the query; an empty value is an absent one.
#[derive(Default)]
struct Query {
    app: Option<String>,
    command: Option<String>,
    sign: Option<String>,
    request_time: Option<String>,
    platform: Option<String>,
    client_ip: Option<String>,
}

impl Query {
    fn read(raw: &str) -> Result<Self, Cause> {
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
            *slot = Some(value.into_owned()).filter(|value| !value.is_empty());
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests;
