//! A deployment, checked from outside.
//!
//! Nothing that is sent has an effect: it is the platform's own check of the URL, without a body, or
//! has to be refused before anybody reads it.

use std::time::{Duration, Instant};

use desk_webhooks::webhook::{MAX_BODY_BYTES, sign};
use serde_json::{Value, json};
use ureq::Agent;

use super::print_json;
use crate::{
    args::Doctor,
    error::CliError,
    output::{faint, green, now_ms, red, yellow},
};

/// The platform gives up after this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of a check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Note,
    Fail,
}

struct Check {
    name: &'static str,
    verdict: Verdict,
    /// What was seen, and what to do about it.
    said: String,
}

/// What is known of the deployment, and how it is asked.
struct Patient<'a> {
    agent: Agent,
    url: &'a str,
    app: String,
    token: Option<&'a str>,
}

pub(super) fn run(arguments: &Doctor) -> Result<(), CliError> {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let patient = Patient {
        agent: config.timeout_global(Some(Duration::from_secs(10))).build().into(),
        url: arguments.url.split('?').next().unwrap_or_default().trim_end_matches('/'),
        app: arguments.app.id.to_string(),
        token: arguments.token.as_deref(),
    };
    let checks = patient.examine()?;
    if arguments.json {
        print_json(&checks.iter().map(to_json).collect());
    } else {
        checks.iter().for_each(show);
    }
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    match failed {
        0 => Ok(()),
        1 => Err(CliError::said("one check failed")),
        _ => Err(CliError::said(format!("{failed} checks failed"))),
    }
}

impl Patient<'_> {
    fn examine(&self) -> Result<Vec<Check>, CliError> {
        let now = now_ms() / 1000;
        let good = self.query(&self.app, self.token.map(|token| (token, now)));
        let mut checks = vec![self.transport(), self.probe(&good)?];
        let foreign = self.query("1", self.token.map(|token| (token, now)));
        checks.push(self.refuses("refuses another app", &foreign)?);
        let keyed = self.keys(&good, &mut checks)?;
        let signed = self.signatures(now, &mut checks)?;
        if !keyed && !signed {
            checks.push(Check {
                name: "a stranger stays outside",
                verdict: Verdict::Fail,
                said: "whoever knows an app id may send callbacks; set URL keys, or SIGNATURE_POLICY to required"
                    .into(),
            });
        }
        checks.push(self.method(&good)?);
        checks.push(self.size(&good)?);
        Ok(checks)
    }

    /// The platform's parameters, signed if there is a token to sign with.
    fn query(&self, app: &str, signed: Option<(&str, u64)>) -> String {
        let sign = signed.map(|(token, time)| {
            let time = time.to_string();
            format!("&RequestTime={time}&Sign={}", sign(token, &time))
        });
        format!("?SdkAppid={app}{}", sign.unwrap_or_default())
    }

    fn transport(&self) -> Check {
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let (verdict, said) = if self.url.starts_with("https://") {
            (Verdict::Pass, "https, with a certificate that is trusted here".to_owned())
        } else if local.iter().any(|local| self.url.starts_with(local)) {
            (Verdict::Note, "not encrypted, which is nobody's business on this machine".to_owned())
        } else {
            (Verdict::Fail, "not encrypted: what passes can be read and sent again; use https".to_owned())
        };
        Check { name: "is reached by TLS", verdict, said }
    }

    fn probe(&self, query: &str) -> Result<Check, CliError> {
        let started = Instant::now();
        let (status, reply) = self.post(self.url, query, b"")?;
        let took = started.elapsed();
        let (verdict, said) = if status != 200 || reply["ActionStatus"] != "OK" {
            let advice = match status {
                403 => "; check the URL key, --app, and --token",
                404 => "; the URL ends in /assign-agent or /session-events, and a key if there is one",
                503 => "; its secrets cannot be read: look at its log",
                _ => "",
            };
            (Verdict::Fail, format!("HTTP {status}{advice}"))
        } else if took > PATIENCE {
            (Verdict::Fail, format!("after {took:.1?}: the platform gives up after {PATIENCE:?}"))
        } else {
            (Verdict::Pass, format!("after {took:.0?}"))
        };
        Ok(Check { name: "answers the platform's check of the URL", verdict, said })
    }

    /// Whether URL keys are needed.
    fn keys(&self, query: &str, checks: &mut Vec<Check>) -> Result<bool, CliError> {
        let Some((endpoint, _key)) = endpoint_and_key(self.url) else {
            let said = "the URL has none; anybody who learns the address can send callbacks to it".to_owned();
            checks.push(Check { name: "needs a URL key", verdict: Verdict::Note, said });
            return Ok(false);
        };
        let (without, _) = self.post(endpoint, query, b"")?;
        let (wrong, _) = self.post(&format!("{endpoint}/not-the-key"), query, b"")?;
        let needed = without != 200 && wrong != 200;
        let (verdict, said) = if needed {
            (Verdict::Pass, format!("HTTP {without} without one, HTTP {wrong} with another one"))
        } else {
            (Verdict::Fail, "the key of the URL is not looked at; set URL_KEYS".to_owned())
        };
        checks.push(Check { name: "needs a URL key", verdict, said });
        Ok(needed)
    }

    /// Whether signatures are needed.
    fn signatures(&self, now: u64, checks: &mut Vec<Check>) -> Result<bool, CliError> {
        let (unsigned, _) = self.post(self.url, &self.query(&self.app, None), b"")?;
        let (forged, _) = self.post(self.url, &self.query(&self.app, Some(("not the token", now))), b"")?;
        let (verdict, said) = match (unsigned, forged) {
            (200, 200) => (Verdict::Note, "not looked at: SIGNATURE_POLICY is off, or there are no tokens"),
            (200, _) => (Verdict::Note, "checked where there is one, but not required (if-present)"),
            (_, 200) => (Verdict::Fail, "a wrong one is taken"),
            _ => (Verdict::Pass, "refused without one, and with a wrong one"),
        };
        checks.push(Check { name: "needs a signature", verdict, said: said.into() });
        if forged != 200
            && let Some(token) = self.token
        {
            let old = self.query(&self.app, Some((token, now.saturating_sub(3600))));
            checks.push(self.refuses("refuses a signature of an hour ago", &old)?);
        }
        Ok(unsigned != 200)
    }

    fn refuses(&self, name: &'static str, query: &str) -> Result<Check, CliError> {
        let (status, _) = self.post(self.url, query, b"")?;
        let (verdict, said) = match status {
            403 => (Verdict::Pass, "HTTP 403".to_owned()),
            _ => (Verdict::Fail, format!("HTTP {status} and not 403; is it this software that answers?")),
        };
        Ok(Check { name, verdict, said })
    }

    fn method(&self, query: &str) -> Result<Check, CliError> {
        let got = self.agent.get(format!("{}{query}", self.url)).call();
        let status = got.map_err(|error| self.unreachable(&error))?.status().as_u16();
        let (verdict, said) = match status {
            400..=499 => (Verdict::Pass, format!("HTTP {status}")),
            _ => (Verdict::Fail, format!("HTTP {status}; callbacks come by POST and nothing else")),
        };
        Ok(Check { name: "refuses GET", verdict, said })
    }

    fn size(&self, query: &str) -> Result<Check, CliError> {
        let url = format!("{}{query}", self.url);
        let (verdict, said) = match self.agent.post(url).send(&vec![b' '; MAX_BODY_BYTES + 1]) {
            Ok(answered) if answered.status() == 413 => (Verdict::Pass, "HTTP 413".to_owned()),
            Ok(answered) => {
                let status = answered.status().as_u16();
                (Verdict::Fail, format!("HTTP {status}; a body of more than 1 MiB should get 413"))
            }
            // Who refuses before it has read everything may close while we still send.
            Err(ureq::Error::Io(_)) => (Verdict::Pass, "closed the connection before its end".to_owned()),
            Err(error) => return Err(self.unreachable(&error)),
        };
        Ok(Check { name: "refuses a body of more than 1 MiB", verdict, said })
    }

    fn post(&self, url: &str, query: &str, body: &[u8]) -> Result<(u16, Value), CliError> {
        let answered = self.agent.post(format!("{url}{query}")).send(body);
        let mut answered = answered.map_err(|error| self.unreachable(&error))?;
        let reply = answered.body_mut().read_to_string().map_err(|error| self.unreachable(&error))?;
        Ok((answered.status().as_u16(), serde_json::from_str(&reply).unwrap_or_default()))
    }

    fn unreachable(&self, error: &ureq::Error) -> CliError {
        CliError::said(format!("{} cannot be reached: {error}", self.url))
    }
}

/// The URL without its key, and the key.
fn endpoint_and_key(url: &str) -> Option<(&str, &str)> {
    ["/assign-agent", "/session-events"].iter().find_map(|path| {
        let (before, key) = url.split_once(&format!("{path}/"))?;
        Some((&url[..before.len() + path.len()], key))
    })
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Note => "note",
        Verdict::Fail => "fail",
    }
}

fn to_json(check: &Check) -> Value {
    json!({ "check": check.name, "verdict": word(check.verdict), "said": check.said })
}

fn show(check: &Check) {
    let word = word(check.verdict);
    let word = match check.verdict {
        Verdict::Pass => green(word),
        Verdict::Note => yellow(word),
        Verdict::Fail => red(word),
    };
    anstream::println!("{word}  {}: {}", check.name, faint(&check.said));
}
