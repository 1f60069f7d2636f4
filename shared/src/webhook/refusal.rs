/// Why a request is not taken, before it could have any effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The invocation is no HTTP request.
    NotARequest,
    /// Another method than POST.
    NotPost,
    /// A body of more than 1 MiB.
    TooLarge,
    /// A body that is said to be base64 and is not.
    BadBase64,
    /// It does not come from the platform, or not for us.
    NotAuthentic(Cause),
    /// The secrets by which it could be verified could not be loaded yet.
    NoSecrets,
    /// The query and the body name different commands.
    CommandsDisagree,
    /// A command that belongs to the other endpoint.
    WrongEndpoint,
    /// A question in a command that is not known.
    UnknownCommand,
}

/// Why a request is not authentic. For the log and the metrics, never for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The source address is not in the allow-list.
    SourceAddress,
    /// The URL key is missing or none of ours.
    UrlKey,
    /// `SdkAppid`, `Sign` or `RequestTime` is given twice.
    RepeatedParameter,
    /// `SdkAppid` is missing.
    NoApp,
    /// `SdkAppid` is none of ours.
    ForeignApp,
    /// `Sign` is missing and required.
    NoSignature,
    /// `RequestTime` is missing or no time.
    NoRequestTime,
    /// `RequestTime` is more than a minute off.
    RequestTimeOff,
    /// `Sign` does not belong to any live token.
    WrongSignature,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::NotAuthentic(_) => 403,
            Self::NotPost => 405,
            Self::TooLarge => 413,
            Self::NoSecrets => 503,
            _ => 400,
        }
    }

    /// What the sender is told.
    pub fn info(self) -> &'static str {
        match self {
            Self::NotARequest => "the invocation is not an HTTP request of API Gateway's payload format 2.0",
            Self::NotPost => "callbacks come by POST",
            Self::TooLarge => "the body is larger than 1 MiB",
            Self::BadBase64 => "the body is not the base64 that it is said to be",
            Self::NotAuthentic(_) => "the request could not be verified",
            Self::NoSecrets => "temporarily unavailable, send it again",
            Self::CommandsDisagree => "CallbackCommand differs between the query and the body",
            Self::WrongEndpoint => "this CallbackCommand belongs to the other URL",
            Self::UnknownCommand => "this CallbackCommand is not known here",
        }
    }

    /// What the log is told, one word for each case.
    pub fn cause(self) -> &'static str {
        match self {
            Self::NotARequest => "not_a_request",
            Self::NotPost => "not_post",
            Self::TooLarge => "too_large",
            Self::BadBase64 => "bad_base64",
            Self::NotAuthentic(Cause::SourceAddress) => "source_address",
            Self::NotAuthentic(Cause::UrlKey) => "url_key",
            Self::NotAuthentic(Cause::RepeatedParameter) => "repeated_parameter",
            Self::NotAuthentic(Cause::NoApp) => "no_app",
            Self::NotAuthentic(Cause::ForeignApp) => "foreign_app",
            Self::NotAuthentic(Cause::NoSignature) => "no_signature",
            Self::NotAuthentic(Cause::NoRequestTime) => "no_request_time",
            Self::NotAuthentic(Cause::RequestTimeOff) => "request_time_off",
            Self::NotAuthentic(Cause::WrongSignature) => "wrong_signature",
            Self::NoSecrets => "no_secrets",
            Self::CommandsDisagree => "commands_disagree",
            Self::WrongEndpoint => "wrong_endpoint",
            Self::UnknownCommand => "unknown_command",
        }
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        Self::NotAuthentic(cause)
    }
}
