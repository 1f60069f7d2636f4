//! A deployment, checked from outside.
//!
//! No request has an effect. Each is Desk's own check of the URL, without a body, or must be refused before its
//! body is read.

use std::{
    io,
    time::{Duration, Instant},
};

use desk_webhooks::webhook::{MAX_BODY_BYTES, sign};
use serde_json::{Value, json};
use ureq::{Agent, http::Uri};

use super::deployment::{agent, cannot_reach, check_url, endpoint_and_key};
use crate::{
    args::Doctor,
    error::CliError,
    output::{self, faint, green, now_ms, red, say, unless_closed, yellow},
};

/// The platform gives up after this time.
const PATIENCE: Duration = Duration::from_secs(2);

const HOUR_SECONDS: u64 = 3600;

const ANOTHER_APP: &str = "refuses another app";
const URL_KEY: &str = "needs a URL key";
const SIGNATURE: &str = "needs a signature";
const STRANGER: &str = "a stranger stays outside";

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Note,
    Fail,
}

struct Check {
    name: &'static str,
    verdict: Verdict,
    /// The observation, and the remedy.
    said: String,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    /// By the front door itself, with its status and its JSON.
    Refused,
    /// With this status. A missing route, a throttle or a fault keeps out a stranger and the platform
    /// alike, and not for long. It does not protect.
    Unclear(u16),
}

impl Answer {
    fn of(status: u16, reply: &Value) -> Self {
        match status {
            200 if reply["ActionStatus"] == "OK" => Self::Taken,
            403 if reply["ActionStatus"] == "FAIL" && reply["ErrorCode"] == 1 => Self::Refused,
            status => Self::Unclear(status),
        }
    }
}

/// The effect of a URL key or a signature on unauthenticated requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Shut,
    Open,
    Unknown,
}

impl Lock {
    /// Concludes from the answers to two attempts without the right secret.
    fn tried(answers: [Answer; 2]) -> Self {
        if answers.contains(&Answer::Taken) {
            Self::Open
        } else if answers == [Answer::Refused; 2] {
            Self::Shut
        } else {
            Self::Unknown
        }
    }
}

/// The deployment, and the credentials for it.
struct Patient<'a> {
    agent: Agent,
    url: &'a str,
    app: String,
    token: Option<&'a str>,
}

pub(super) fn run(arguments: &Doctor) -> Result<(), CliError> {
    check_url(&arguments.url)?;
    let patient = Patient {
        agent: agent(),
        url: arguments.url.split('?').next().unwrap_or_default().trim_end_matches('/'),
        app: arguments.app.id.to_string(),
        token: arguments.token.as_deref(),
    };
    let checks = patient.examine()?;
    unless_closed(if arguments.json {
        output::json(&checks.iter().map(to_json).collect::<Vec<_>>())
    } else {
        checks.iter().try_for_each(show)
    })?;
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
        let good = query(Some(&self.app), self.token.map(|token| (token, now)));
        let probe = self.probe(&good, now)?;
        let passed = probe.verdict == Verdict::Pass;
        let mut checks = vec![transport(self.url), probe];
        if passed {
            self.compare(&good, now, &mut checks)?;
        } else {
            // Where the platform itself is not let in, a refusal of others proves nothing.
            checks.extend([ANOTHER_APP, URL_KEY, SIGNATURE, STRANGER].map(not_known));
        }
        checks.push(self.method(&good, passed)?);
        checks.push(self.size(&good)?);
        Ok(checks)
    }

    /// Sends requests that differ from the probe in one parameter, and must be refused for it.
    fn compare(&self, good: &str, now: u64, checks: &mut Vec<Check>) -> Result<(), CliError> {
        let foreign = query(Some("1"), self.token.map(|token| (token, now)));
        checks.push(self.refuses(ANOTHER_APP, &foreign)?);
        let (signatures, signature_checks) = self.signatures(now)?;
        let (keys, key_check) = self.keys(good, signatures)?;
        checks.push(key_check);
        checks.extend(signature_checks);
        let (verdict, said) = match (keys, signatures) {
            (Lock::Shut, Lock::Shut) => (Verdict::Pass, "by the URL key and by the signature"),
            (Lock::Shut, _) => (Verdict::Pass, "by the URL key"),
            (_, Lock::Shut) => (Verdict::Pass, "by the signature"),
            (Lock::Open, Lock::Open) => (
                Verdict::Fail,
                "from this address, anyone who knows an app id can send callbacks; ALLOWED_CIDRS may keep other \
                 addresses out, which cannot be seen from here; set URL keys, or SIGNATURE_POLICY to required",
            ),
            _ => (Verdict::Note, "unknown; fix what is reported above first"),
        };
        checks.push(Check { name: STRANGER, verdict, said: said.into() });
        Ok(())
    }

    fn probe(&self, query: &str, now: u64) -> Result<Check, CliError> {
        let started = Instant::now();
        let answer = self.ask(self.url, query)?;
        let took = started.elapsed();
        let (verdict, said) = match answer {
            Answer::Taken if took > PATIENCE => {
                (Verdict::Fail, format!("after {took:.1?}: the platform gives up after {PATIENCE:?}"))
            }
            Answer::Taken => (Verdict::Pass, format!("after {took:.0?}")),
            Answer::Refused => (Verdict::Fail, format!("HTTP 403: {}", self.why_refused(now)?)),
            Answer::Unclear(status) => {
                let advice = match status {
                    404 => "; the URL ends in /assign-agent or /session-events, and a key if there is one",
                    503 => "; its secrets cannot be read: look at its log",
                    200 | 403 => "; is it this software that answers?",
                    _ => "",
                };
                (Verdict::Fail, format!("HTTP {status}{advice}"))
            }
        };
        Ok(Check { name: "answers the platform's check of the URL", verdict, said })
    }

    /// The reason of a refusal, as far as it can be known from outside. The answer is the same for every
    /// reason, so this leaves out one parameter after the other.
    fn why_refused(&self, now: u64) -> Result<String, CliError> {
        let signed = self.token.map(|token| (token, now));
        let is_taken = |query: &str| Ok::<_, CliError>(self.ask(self.url, query)? == Answer::Taken);
        let foreign = format!("the deployment does not serve app {}; check --app and SdkAppIds", self.app);
        const TOKEN: &str = "the token is wrong, or the clock of this machine is more than a minute off";
        if is_taken(&query(None, signed))? {
            return Ok(foreign);
        }
        if signed.is_some() && is_taken(&query(Some(&self.app), None))? {
            return Ok(format!("{TOKEN}; the same request without a signature is accepted"));
        }
        if signed.is_some() && is_taken(&query(None, None))? {
            return Ok(format!("{foreign}; besides, {TOKEN}"));
        }
        let key = if endpoint_and_key(self.url).is_some() { "a wrong" } else { "a missing" };
        let (signature, causes) = match signed {
            Some(_) => ("a wrong token or clock", "wrong_signature, request_time_off"),
            None => ("a missing signature (give --token)", "no_signature"),
        };
        Ok(format!(
            "{key} URL key, {signature}, an app that is not served, or a source address that is not allowed. From \
             outside, these look the same; `Cause` in the function's log tells them apart: url_key, {causes}, \
             foreign_app, source_address"
        ))
    }

    /// Checks that a URL key is needed.
    fn keys(&self, query: &str, signatures: Lock) -> Result<(Lock, Check), CliError> {
        let check = |verdict, said| Check { name: URL_KEY, verdict, said };
        let instead = if signatures == Lock::Shut { "; signatures protect this URL" } else { "" };
        let Some((endpoint, _key)) = endpoint_and_key(self.url) else {
            return Ok((Lock::Open, check(Verdict::Note, format!("the URL has none{instead}"))));
        };
        let without = self.ask(endpoint, query)?;
        let wrong = self.ask(&format!("{endpoint}/not-the-key"), query)?;
        let (verdict, said) = match (without, wrong) {
            (Answer::Taken, _) | (_, Answer::Taken) => {
                let verdict = if signatures == Lock::Shut { Verdict::Note } else { Verdict::Fail };
                (verdict, format!("the key of the URL is not checked; set URL_KEYS{instead}"))
            }
            (Answer::Unclear(status), _) | (_, Answer::Unclear(status)) => (Verdict::Fail, unclear(status)),
            (Answer::Refused, Answer::Refused) => {
                (Verdict::Pass, "HTTP 403 without one, and with another one".to_owned())
            }
        };
        Ok((Lock::tried([without, wrong]), check(verdict, said)))
    }

    /// Checks that a signature is needed.
    fn signatures(&self, now: u64) -> Result<(Lock, Vec<Check>), CliError> {
        let app = Some(self.app.as_str());
        let unsigned = self.ask(self.url, &query(app, None))?;
        let forged = self.ask(self.url, &query(app, Some(("not the token", now))))?;
        let mut check = signature_check(unsigned, forged);
        if self.token.is_none() {
            check.said.push_str("; stale timestamps were not tried: that takes --token");
        }
        let mut checks = vec![check];
        if forged != Answer::Taken
            && let Some(token) = self.token
        {
            for (name, time) in [
                ("refuses a signature of an hour ago", now.saturating_sub(HOUR_SECONDS)),
                ("refuses a signature of an hour ahead", now + HOUR_SECONDS),
            ] {
                checks.push(self.refuses(name, &query(app, Some((token, time))))?);
            }
        }
        Ok((Lock::tried([unsigned, forged]), checks))
    }

    fn refuses(&self, name: &'static str, query: &str) -> Result<Check, CliError> {
        let (verdict, said) = match self.ask(self.url, query)? {
            Answer::Refused => (Verdict::Pass, "HTTP 403".to_owned()),
            Answer::Taken => {
                (Verdict::Fail, "HTTP 200 and not 403; is it this software that answers?".to_owned())
            }
            Answer::Unclear(status) => (Verdict::Fail, unclear(status)),
        };
        Ok(Check { name, verdict, said })
    }

    /// A gateway that has only a route for POST answers GET with 404, or 403. Where POST fails as well, that
    /// says nothing about GET.
    fn method(&self, query: &str, post_passed: bool) -> Result<Check, CliError> {
        let got = self.agent.get(format!("{}{query}", self.url)).call();
        let status = got.map_err(|error| cannot_reach(self.url, &error))?.status().as_u16();
        let (verdict, said) = match status {
            405 => (Verdict::Pass, "HTTP 405".to_owned()),
            403 | 404 if post_passed => {
                (Verdict::Pass, format!("HTTP {status}: there is a route for POST and none for GET"))
            }
            400..=499 => {
                (Verdict::Note, format!("HTTP {status} is not an answer to GET alone, so nothing is known"))
            }
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
            Err(ureq::Error::Io(error)) if is_early_close(&error) => {
                (Verdict::Pass, "closed the connection before its end".to_owned())
            }
            Err(error) => return Err(cannot_reach(self.url, &error)),
        };
        Ok(Check { name: "refuses a body of more than 1 MiB", verdict, said })
    }

    /// By the platform's check of the URL: a POST without a body.
    fn ask(&self, url: &str, query: &str) -> Result<Answer, CliError> {
        let failed = |error: ureq::Error| cannot_reach(self.url, &error);
        let mut answered = self.agent.post(format!("{url}{query}")).send(b"").map_err(failed)?;
        let reply = answered.body_mut().read_to_string().map_err(failed)?;
        let reply: Value = serde_json::from_str(&reply).unwrap_or_default();
        Ok(Answer::of(answered.status().as_u16(), &reply))
    }
}

/// The platform's parameters, signed with a token if one is given.
fn query(app: Option<&str>, signed: Option<(&str, u64)>) -> String {
    let app = app.map(|app| format!("SdkAppid={app}"));
    let sign = signed.map(|(token, time)| {
        let time = time.to_string();
        format!("RequestTime={time}&Sign={}", sign(token, &time))
    });
    format!("?{}", app.into_iter().chain(sign).collect::<Vec<_>>().join("&"))
}

fn transport(url: &str) -> Check {
    let url: Option<Uri> = url.parse().ok();
    let scheme = url.as_ref().and_then(Uri::scheme_str).unwrap_or_default();
    // The whole name: localhost.example.com may be any machine.
    let host = url.as_ref().and_then(Uri::host).unwrap_or_default();
    let here = ["localhost", "127.0.0.1", "[::1]"];
    let (verdict, said) = if scheme.eq_ignore_ascii_case("https") {
        (Verdict::Pass, "https, with a certificate that is trusted here")
    } else if here.iter().any(|name| host.eq_ignore_ascii_case(name)) {
        (Verdict::Note, "not encrypted; this machine alone sees the requests")
    } else {
        (Verdict::Fail, "not encrypted; others can read the requests and send them again; use https")
    };
    Check { name: "is reached by TLS", verdict, said: said.into() }
}

fn signature_check(unsigned: Answer, forged: Answer) -> Check {
    let (verdict, said) = match (unsigned, forged) {
        (Answer::Unclear(status), _) | (_, Answer::Unclear(status)) => (Verdict::Fail, unclear(status)),
        (Answer::Taken, Answer::Taken) => {
            (Verdict::Note, "not looked at: SIGNATURE_POLICY is off, or there are no tokens".to_owned())
        }
        (Answer::Taken, Answer::Refused) => {
            (Verdict::Note, "checked where there is one, but not required (if-present)".to_owned())
        }
        (Answer::Refused, Answer::Taken) => (Verdict::Fail, "a wrong one is taken".to_owned()),
        (Answer::Refused, Answer::Refused) => {
            (Verdict::Pass, "refused without one, and with a wrong one".to_owned())
        }
    };
    Check { name: SIGNATURE, verdict, said }
}

fn not_known(name: &'static str) -> Check {
    let said = "unknown; fix the platform's check of the URL first".to_owned();
    Check { name, verdict: Verdict::Note, said }
}

/// Why an answer tells nothing about who is let in, and what to do.
fn unclear(status: u16) -> String {
    let advice = match status {
        404 => "the template has a route with a key and one without: deploy both",
        429 => "try again when there is less to do",
        500.. => "look at its log, and try again",
        _ => "is it this software that answers?",
    };
    format!("HTTP {status} is not how this software refuses, so nothing is known; {advice}")
}

/// A server that refuses before it has read everything may close while we still send. Any other error is one of
/// the way there.
fn is_early_close(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
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

fn show(check: &Check) -> Result<(), CliError> {
    let word = word(check.verdict);
    let word = match check.verdict {
        Verdict::Pass => green(word),
        Verdict::Note => yellow(word),
        Verdict::Fail => red(word),
    };
    say!("{}  {}: {}", word, check.name, faint(&check.said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_whole_name() {
        for (url, verdict) in [
            ("https://a.example/assign-agent", Verdict::Pass),
            ("HTTPS://a.example/assign-agent", Verdict::Pass),
            ("http://localhost/assign-agent", Verdict::Note),
            ("http://127.0.0.1:9000/assign-agent", Verdict::Note),
            ("http://[::1]:9000/assign-agent", Verdict::Note),
            ("http://localhost.evil.com/assign-agent", Verdict::Fail),
            ("http://127.0.0.1.evil.com/assign-agent", Verdict::Fail),
            ("http://localhost@evil.com/assign-agent", Verdict::Fail),
            ("no URL", Verdict::Fail),
        ] {
            assert_eq!(transport(url).verdict, verdict, "{url}");
        }
    }

    #[test]
    fn only_the_front_doors_own_answer_is_a_refusal() {
        let refusal = json!({ "ActionStatus": "FAIL", "ErrorInfo": "no", "ErrorCode": 1 });
        assert_eq!(Answer::of(403, &refusal), Answer::Refused);
        for (status, reply) in [(404, &refusal), (503, &refusal), (403, &json!({ "message": "Forbidden" }))] {
            assert_eq!(Answer::of(status, reply), Answer::Unclear(status));
        }
        assert_eq!(Answer::of(200, &Value::Null), Answer::Unclear(200));
    }

    #[test]
    fn only_a_broken_connection_is_an_early_close() {
        assert!(is_early_close(&io::ErrorKind::ConnectionReset.into()));
        assert!(!is_early_close(&io::ErrorKind::ConnectionRefused.into()));
        assert!(!is_early_close(&io::ErrorKind::UnexpectedEof.into()));
    }
}
