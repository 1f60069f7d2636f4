use std::{fmt, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{MAX_BODY_BYTES, Refusal};

/// What we use of an HTTP API request (payload format 2.0).
///
/// Everything may be missing: what is needed and is not there is refused by the door, with an
/// answer, where a failing conversion would be an invocation error without one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Incoming {
    /// The path, still with the URL key.
    pub raw_path: String,
    /// The query, percent-encoded, repeated parameters and all. API Gateway sends an empty text
    /// where there is none, `cargo lambda` sends `null`.
    pub raw_query_string: Option<String>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RequestContext {
    http: HttpContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HttpContext {
    method: String,
    source_ip: String,
}

/// The path, the query and the body may hold secrets: none of them is shown.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("method", &self.method()).finish_non_exhaustive()
    }
}

impl Incoming {
    /// The HTTP method.
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// Who called, as API Gateway saw it; no header is believed.
    pub fn source_ip(&self) -> Option<IpAddr> {
        self.request_context.http.source_ip.parse().ok()
    }

    /// The last value of a parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.raw_query_string.as_deref().unwrap_or_default();
        let values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
        values.last().map(|(_, value)| value.into_owned())
    }

    /// Takes out the body as the sender sent it, of a bounded size.
    ///
    /// # Errors
    /// Larger than [`MAX_BODY_BYTES`], or base64 that is none.
    pub fn take_body(&mut self) -> Result<Vec<u8>, Refusal> {
        let body = self.body.take().unwrap_or_default().into_bytes();
        if !self.is_base64_encoded {
            return if body.len() > MAX_BODY_BYTES { Err(Refusal::TooLarge) } else { Ok(body) };
        }
        // Four characters hold three bytes: what is too large is not decoded first.
        if body.len() / 4 * 3 > MAX_BODY_BYTES + 2 {
            return Err(Refusal::TooLarge);
        }
        let bytes = STANDARD.decode(body).map_err(|_| Refusal::BadBase64)?;
        if bytes.len() > MAX_BODY_BYTES { Err(Refusal::TooLarge) } else { Ok(bytes) }
    }
}
