//! One POST to a service that is not trusted: a deadline, little of the answer, no redirect to another place.

use super::fault::Fault;
use super::secrets::Credentials;
use crate::core::secret::Secret;
use crate::os::clock;
use jiff::fmt::rfc2822;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use std::error::Error as _;
use std::time::Duration;

/// Most bytes of an answer that are read.
const ANSWER_MAX: usize = 64 << 10;
/// How often a redirect within the same server is followed.
const REDIRECTS_MAX: usize = 3;
/// Longest wait that a service can ask for.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Who we are.
const AGENT: &str = concat!("nightkeep/", env!("CARGO_PKG_VERSION"));

/// What is sent.
pub(super) struct Post {
    url: Secret,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Post {
    /// A body for an address.
    pub(super) fn new(url: Secret, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Self, Fault> {
        let mut post = Self { url, headers: HeaderMap::new(), body: body.into() };
        post.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        post.headers.insert(CONTENT_TYPE, value("content_type", content_type)?);
        Ok(post)
    }
    /// JSON for an address.
    pub(super) fn json(url: Secret, body: &serde_json::Value) -> Result<Self, Fault> {
        Self::new(url, "application/json", body.to_string())
    }
    /// Adds a header; its value must be printable ASCII.
    pub(super) fn header(mut self, name: &'static str, text: &str) -> Result<Self, Fault> {
        self.headers.insert(HeaderName::from_static(name), value(name, text)?);
        Ok(self)
    }
    /// Says who we are.
    pub(super) fn auth(mut self, auth: &Credentials) -> Result<Self, Fault> {
        use base64::Engine as _;
        let word = match auth {
            Credentials::None => return Ok(self),
            Credentials::Bearer(token) => format!("Bearer {}", token.expose()),
            Credentials::Basic(user, password) => {
                let both = format!("{user}:{}", password.expose());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(both))
            }
        };
        let mut word = value("token", &word)?;
        word.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, word);
        Ok(self)
    }
}

/// A header's value. The text is not told: it may be a secret.
fn value(name: &str, text: &str) -> Result<HeaderValue, Fault> {
    let plain = text.bytes().all(|b| (0x20..0x7f).contains(&b));
    let value = plain.then(|| HeaderValue::from_str(text).ok()).flatten();
    value.ok_or_else(|| Fault::permanent(format!("the {name} has a character that no header can have")))
}

/// An answer that says yes by its status.
pub(super) struct Answer {
    host: String,
    /// The text, or why it could not be read.
    text: Result<String, Fault>,
}

impl Answer {
    /// The status is enough.
    pub(super) fn accepted(self) -> Result<(), Fault> {
        Ok(())
    }
    /// The text must be one that the service gives. `took` says why it is not: some services say no with a yes, and a
    /// hotel's login page says yes to everything.
    pub(super) fn recognized(self, took: fn(&str) -> Result<(), Refusal>) -> Result<(), Fault> {
        let text = self.text?;
        took(&text).map_err(|refusal| match refusal {
            Refusal::Said(what) => Fault::permanent(format!("{} said no: {what}", self.host)),
            Refusal::Strange => {
                Fault::passing(format!("{} does not answer like the service: {}", self.host, told(&text)))
            }
        })
    }
}

/// Why an answer with a good status is not a yes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The service says no, with these words.
    Said(String),
    /// This is not the service.
    Strange,
}

/// Posts, and gives an answer whose status says yes; everything else is a fault.
pub(super) async fn post(post: Post, deadline: Duration) -> Result<Answer, Fault> {
    let mut url =
        Url::parse(post.url.expose()).map_err(|e| Fault::permanent(format!("the address cannot be read: {e}")))?;
    let host = host_of(&url);
    let client = client(&url, deadline)?;
    for _ in 0..=REDIRECTS_MAX {
        let request = client.post(url.clone()).headers(post.headers.clone()).body(post.body.clone());
        let answer = match tokio::time::timeout(deadline, request.send()).await {
            Err(_) => return Err(slow(&host, deadline)),
            Ok(Err(e)) if e.is_timeout() => return Err(slow(&host, deadline)),
            Ok(Err(e)) => return Err(Fault::passing(format!("cannot reach {host}: {}", chain(&e)))),
            Ok(Ok(answer)) => answer,
        };
        let status = answer.status();
        if status.is_redirection() {
            url = redirected(&url, &answer)?;
            continue;
        }
        let asked = wait_asked(answer.headers());
        let text = match tokio::time::timeout(deadline, text(answer, &host, deadline)).await {
            Ok(text) => text,
            Err(_) => Err(slow(&host, deadline)),
        };
        if status.is_success() {
            return Ok(Answer { host, text });
        }
        return Err(refused(status, asked, text.as_deref().unwrap_or_default(), &host));
    }
    Err(Fault::permanent(format!("{host} redirects in a ring")))
}

/// Fetches an address and leaves what it says; everything but a status that says yes is a fault.
pub(super) async fn get(address: &Secret, deadline: Duration) -> Result<(), Fault> {
    let url = Url::parse(address.expose()).map_err(|e| Fault::permanent(format!("the address cannot be read: {e}")))?;
    let host = host_of(&url);
    let request = client(&url, deadline)?.get(url).header(USER_AGENT, AGENT);
    match tokio::time::timeout(deadline, request.send()).await {
        Err(_) => Err(slow(&host, deadline)),
        Ok(Err(e)) if e.is_timeout() => Err(slow(&host, deadline)),
        Ok(Err(e)) => Err(Fault::passing(format!("cannot reach {host}: {}", chain(&e)))),
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(refused(answer.status(), None, "", &host)),
    }
}

fn slow(host: &str, deadline: Duration) -> Fault {
    Fault::passing(format!("{host} did not answer within {} s", deadline.as_secs_f32()))
}

/// A client for one request: it is built when it is needed, so that a machine without certificates fails here and not
/// at the daemon's start.
fn client(url: &Url, deadline: Duration) -> Result<Client, Fault> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(deadline)
        .timeout(deadline)
        .referer(false)
        .pool_max_idle_per_host(0);
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    let this_machine = url.host_str().is_some_and(|h| h == "localhost" || h.starts_with("127.") || h == "[::1]");
    if this_machine {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| Fault::passing(format!("TLS cannot be used: {}", chain(&e))))
}

/// Where a redirect leads, if it may be followed: the same server, and a kind that keeps the body.
fn redirected(from: &Url, answer: &Response) -> Result<Url, Fault> {
    let status = answer.status();
    let place = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok()).and_then(|to| from.join(to).ok());
    let host = host_of(from);
    let Some(place) = place else {
        return Err(Fault::passing(format!("{host} answered {} without a place to go", status.as_u16())));
    };
    let same = (place.scheme(), place.host_str(), place.port_or_known_default())
        == (from.scheme(), from.host_str(), from.port_or_known_default());
    let keeps_body = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    if same && keeps_body {
        return Ok(place);
    }
    let why = if same {
        format!(
            "{host} answered {}, which would lose the message; put the address it redirects to into the file",
            status.as_u16()
        )
    } else {
        let to = format!("{}://{}", place.scheme(), host_of(&place));
        format!("{host} redirects to {to}; redirects to another place are not followed")
    };
    // A login page in the way redirects for the moment, a service that moved for good.
    let for_good = matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
    Err(if for_good { Fault::permanent(why) } else { Fault::passing(why) })
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The beginning of an answer as text.
async fn text(mut answer: Response, host: &str, deadline: Duration) -> Result<String, Fault> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(None) => return Ok(String::from_utf8_lossy(&body).into_owned()),
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_MAX => {
                return Err(Fault::passing(format!("{host} answered with more than {} KiB", ANSWER_MAX >> 10)));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(e) if e.is_timeout() => return Err(slow(host, deadline)),
            Err(e) => return Err(Fault::passing(format!("the answer of {host} broke off: {}", chain(&e)))),
        }
    }
}

/// What a status that does not say yes means.
fn refused(status: StatusCode, asked: Option<Duration>, text: &str, host: &str) -> Fault {
    let reason = status.canonical_reason().map(|r| format!(" {r}")).unwrap_or_default();
    let said = told(text);
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let why = format!("{host} answered {}{reason}{said}", status.as_u16());
    let again = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if status.is_client_error() && !again {
        return Fault::permanent(why);
    }
    Fault::passing(why).after(asked.or_else(|| wait_in(text)))
}

/// `Retry-After`, as seconds or as a date; nonsense counts as nothing.
fn wait_asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return bounded(seconds);
    }
    let date = rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    let seconds = date.saturating_sub(clock::wall().0).max(0);
    Some(Duration::from_millis(seconds.unsigned_abs()).min(WAIT_MAX))
}

/// The wait that some services tell in the body.
fn wait_in(text: &str) -> Option<Duration> {
    let body: serde_json::Value = serde_json::from_str(text).ok()?;
    let wait = body.get("retry_after").or_else(|| body.pointer("/parameters/retry_after"))?;
    bounded(wait.as_f64()?)
}

fn bounded(seconds: f64) -> Option<Duration> {
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX).min(WAIT_MAX))
}

/// What is told of an answer. It is cut later, when no secret can be cut in two any more.
fn told(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('<') {
        return "a web page".to_owned();
    }
    let body: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let words = ["description", "error", "message"];
    let word = body.as_ref().and_then(|b| words.iter().find_map(|w| b.get(w)?.as_str()));
    word.unwrap_or(text).to_owned()
}

/// An error with its causes, without the address, which may be a secret.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(e) = cause {
        let said = e.to_string();
        if !text.contains(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        cause = e.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        wait_asked(&headers)
    }

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date_and_is_bounded() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(" 1e12 "), Some(WAIT_MAX));
        assert_eq!(asked("99999999999999999999999"), Some(WAIT_MAX));
        assert_eq!(asked("-5"), None);
        assert_eq!(asked("NaN"), None);
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("Fri, 31 Dec 2100 23:59:59 GMT"), Some(WAIT_MAX));
        assert_eq!(wait_in(r#"{"ok":false,"parameters":{"retry_after":35}}"#), Some(Duration::from_secs(35)));
        assert_eq!(wait_in(r#"{"retry_after":0.5}"#), Some(Duration::from_millis(500)));
        assert_eq!(wait_in("no"), None);
    }

    #[test]
    fn an_answer_is_told_in_few_words() {
        assert_eq!(told("<html><body>x"), "a web page");
        assert_eq!(told(r#"{"ok":false,"description":"chat not found"}"#), "chat not found");
        assert_eq!(told("no such topic"), "no such topic");
    }

    #[test]
    fn a_header_takes_only_what_it_can_carry() {
        assert!(value("token", "abc def").is_ok());
        assert!(value("token", "abc\r\nX: y").is_err());
        assert!(value("token", "abcä").is_err());
    }
}
