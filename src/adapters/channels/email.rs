//! Mail over SMTP. A password never travels unencrypted to another machine.

use super::fault::Fault;
use super::words::{chars, fitted};
use crate::core::alert::message::{Message, MessageKind};
use crate::core::alert::template::Values;
use crate::core::secret::Secret;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::error::Error as _;
use std::time::{Duration, UNIX_EPOCH};

/// What a mail says.
const TEMPLATE: &str = "{{ title }}\n\n{% if text %}{{ text }}\n\n{% endif %}{% if command %}    {{ command }}\n\n{% endif %}\
severity: {{ severity }}{% if session %}\nsession: {{ session }}{% endif %}{% if project %}\nproject: {{ project }}{% endif %}\nsince: {{ since }}\n";
/// What a mail says that is a report: it says all of that itself.
const REPORT: &str = "{{ text }}\n";
/// Longest text, in characters.
const TEXT_MAX: usize = 64_000;

/// Where mail is handed over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    host: String,
    port: u16,
    tls: Encryption,
}

/// How the way to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// Not at all: only on this machine.
    None,
    /// By STARTTLS, without which nothing is sent.
    StartTls,
    /// From the first byte.
    Tls,
}

impl Server {
    /// The server of this machine.
    pub(super) fn local() -> Self {
        Self { host: "localhost".to_owned(), port: 25, tls: Encryption::None }
    }
    /// Reads `smtp://HOST[:PORT]`, which is STARTTLS but on this machine, or `smtps://HOST[:PORT]`.
    pub(super) fn read(address: &Secret) -> Result<Self, Fault> {
        let bad = || Fault::permanent("the address cannot be read; write smtp://HOST:587 or smtps://HOST");
        let url = reqwest::Url::parse(address.expose()).map_err(|_| bad())?;
        let host = url.host_str().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        let here = host == "localhost" || host.starts_with("127.") || host == "::1";
        let asked = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let tls = match (url.scheme(), asked.as_deref()) {
            ("smtps", None) => Encryption::Tls,
            ("smtp", None) if here => Encryption::None,
            ("smtp", None | Some("required")) => Encryption::StartTls,
            _ => return Err(bad()),
        };
        let usual = match tls {
            Encryption::None => 25,
            Encryption::StartTls => 587,
            Encryption::Tls => 465,
        };
        Ok(Self { host, port: url.port().unwrap_or(usual), tls })
    }
}

/// A mail, the same for every try: its id and date are those of the message.
///
/// With a page it has two forms, of which a reader shows the last one it can.
pub(super) fn mail(
    message: &Message,
    own: Option<&str>,
    page: Option<String>,
    from: &str,
    to: &[String],
) -> Result<lettre::Message, Fault> {
    let address = |text: &str| -> Result<Mailbox, Fault> {
        let address: Address = text.parse().map_err(|_| Fault::permanent(format!("{text:?} is no mail address")))?;
        Ok(Mailbox::new(None, address))
    };
    let usual = if message.kind == MessageKind::Report { REPORT } else { TEMPLATE };
    let text = fitted(own.unwrap_or(usual), Values::Escaped(str::to_owned), message, chars, TEXT_MAX)?;
    let id: String =
        message.key.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    let sent = UNIX_EPOCH + Duration::from_millis(u64::try_from(message.at.0).unwrap_or(0));
    let mut builder: MessageBuilder = lettre::Message::builder()
        .from(address(from)?)
        .subject(format!("[nightkeep] {}", message.title))
        .message_id(Some(format!("<{id}.{}@nightkeep>", message.at.0)))
        .date(sent);
    for to in to {
        builder = builder.to(address(to)?);
    }
    let mail = match page {
        Some(page) => builder.multipart(MultiPart::alternative_plain_html(text, page)),
        None => builder.header(ContentType::TEXT_PLAIN).body(text),
    };
    mail.map_err(|e| Fault::permanent(format!("the mail cannot be written: {e}")))
}

/// Hands a mail over.
pub(super) async fn send(
    server: &Server,
    login: Option<(String, Secret)>,
    mail: lettre::Message,
    deadline: Duration,
) -> Result<(), Fault> {
    let host = &server.host;
    let tls = || {
        let _ = rustls::crypto::ring::default_provider().install_default();
        TlsParameters::new(host.clone()).map_err(|e| Fault::passing(format!("TLS cannot be used: {}", chain(&e))))
    };
    let tls = match server.tls {
        Encryption::None => Tls::None,
        Encryption::StartTls => Tls::Required(tls()?),
        Encryption::Tls => Tls::Wrapper(tls()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(deadline));
    if let Some((user, password)) = login {
        builder = builder.credentials(Credentials::new(user, password.expose().to_owned()));
    }
    // The library's deadline is one for each step; all steps together get three of them.
    match tokio::time::timeout(deadline * 3, builder.build().send(mail)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(fault(host, &error, deadline)),
        Err(_) => Err(slow(host, deadline)),
    }
}

fn slow(host: &str, deadline: Duration) -> Fault {
    Fault::passing(format!("{host} did not answer within {} s", deadline.as_secs_f32()))
}

fn fault(host: &str, error: &SmtpError, deadline: Duration) -> Fault {
    let why = format!("{host}: {}", chain(error));
    if error.is_timeout() {
        slow(host, deadline)
    } else if error.is_permanent() || error.is_client() {
        // What the server says it will never do, and what we will not do with such a server: send without encryption.
        Fault::permanent(why)
    } else {
        Fault::passing(why)
    }
}

/// An error with its causes, on one line.
fn chain(error: &SmtpError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let said = e.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = e.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Server> {
        Server::read(&Secret::new(text)).ok()
    }

    #[test]
    fn mail_to_another_machine_is_always_encrypted() {
        let server = |host: &str, port, tls| Some(Server { host: host.into(), port, tls });
        assert_eq!(read("smtp://mail.example"), server("mail.example", 587, Encryption::StartTls));
        assert_eq!(read("smtps://mail.example"), server("mail.example", 465, Encryption::Tls));
        assert_eq!(read("smtp://127.0.0.1:2525"), server("127.0.0.1", 2525, Encryption::None));
        assert_eq!(read("smtp://[::1]"), server("::1", 25, Encryption::None));
        assert_eq!(read("smtp://localhost?tls=required"), server("localhost", 587, Encryption::StartTls));
        assert_eq!(read("smtp://mail.example?tls=none"), None);
        assert_eq!(read("https://mail.example"), None);
    }
}
