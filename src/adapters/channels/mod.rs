//! Sends messages to people: one file a kind of channel.
//!
//! A sender makes one try and says what came of it; when to try again is decided elsewhere. Whoever is at the other end
//! is not trusted: answers are bounded in time and size, redirects to another host are not followed, and what is told
//! of an answer is made harmless. Text in a message is not trusted either: each service gets it escaped, and bounded by
//! what it takes. Secrets are read when they are needed, and taken out of everything that is said afterwards.

mod command;
mod desktop;
mod discord;
mod email;
mod fault;
mod http;
mod ntfy;
mod secrets;
mod slack;
mod telegram;
mod webhook;
mod words;

use crate::core::alert::message::{Message, Outcome};
use crate::core::alert::plan::PING;
use crate::core::plan::{ChannelPlan, ClearSecrets, SecretRef, Way};
use fault::Fault;
use secrets::Opener;
use std::time::Duration;

/// How long a service may take for an answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a program may take.
const PROGRAM_DEADLINE: Duration = Duration::from_secs(30);

/// The senders, with the secrets that stand in the file itself.
#[derive(Debug, Clone)]
pub struct Channels {
    clear: ClearSecrets,
    page: Option<String>,
    deadline: Duration,
    program_deadline: Duration,
}

impl Channels {
    /// Senders for the channels of a file.
    pub fn new(clear: ClearSecrets) -> Self {
        Self { clear, page: None, deadline: DEADLINE, program_deadline: PROGRAM_DEADLINE }
    }
    /// The same with a web page that a mail carries beside its text.
    #[must_use]
    pub fn with_page(mut self, page: Option<String>) -> Self {
        self.page = page;
        self
    }
    /// The same with another deadline for services and programs.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self.program_deadline = deadline;
        self
    }

    /// Makes one try to deliver a message. Ends within a minute, whatever the other side does.
    pub async fn send(&self, plan: &ChannelPlan, message: &Message) -> Outcome {
        let mut opener = Opener::new(&self.clear, &plan.name);
        let result = self.deliver(plan, message, &mut opener).await;
        match result {
            Ok(()) => Outcome::Delivered,
            Err(fault) => fault.outcome(opener.redactor()),
        }
    }

    /// Fetches the address that shows somebody that the daemon works. The error says why it could not be, without secrets.
    pub async fn ping(&self, address: &SecretRef) -> Result<(), String> {
        let mut opener = Opener::new(&self.clear, PING);
        let fetched = match opener.address(address) {
            Ok(address) => http::get(&address, self.deadline).await,
            Err(fault) => Err(fault),
        };
        fetched.map_err(|fault| fault.told(opener.redactor()))
    }

    async fn deliver(&self, plan: &ChannelPlan, message: &Message, opener: &mut Opener<'_>) -> Result<(), Fault> {
        let own = plan.template.as_deref();
        match &plan.way {
            Way::Ntfy { url, auth } => {
                let (url, auth) = (opener.address(url)?, opener.auth(auth)?);
                let message = words::clean(message, opener.redactor());
                http::post(ntfy::request(&message, own, url, &auth)?, self.deadline).await?.recognized(ntfy::took)
            }
            Way::Slack { url } => {
                let url = opener.address(url)?;
                let message = words::clean(message, opener.redactor());
                http::post(slack::request(&message, own, url)?, self.deadline).await?.recognized(slack::took)
            }
            Way::Discord { url } => {
                let url = opener.address(url)?;
                let message = words::clean(message, opener.redactor());
                http::post(discord::request(&message, own, url)?, self.deadline).await?.accepted()
            }
            Way::Telegram { url, token, chats } => {
                let server = url.as_ref().map(|url| opener.address(url)).transpose()?;
                let token = opener.token(token)?;
                let message = words::clean(message, opener.redactor());
                let text = telegram::text(&message, own)?;
                let (mut fault, mut reached): (Option<Fault>, Vec<String>) = (None, Vec::new());
                // One chat that is gone must not keep the others from hearing of it.
                for chat in chats.iter().filter(|chat| !message.reached.contains(chat)) {
                    let request = telegram::request(&text, chat, &message, server.as_ref(), &token)?;
                    let sent = http::post(request, self.deadline).await.and_then(|a| a.recognized(telegram::took));
                    match sent {
                        Ok(()) => reached.push(chat.clone()),
                        // It is tried again as long as that helps one of them.
                        Err(new) if fault.as_ref().is_none_or(|known| known.is_permanent() && !new.is_permanent()) => {
                            fault = Some(new);
                        }
                        Err(_) => {}
                    }
                }
                fault.map_or(Ok(()), |fault| Err(fault.but_reached(reached)))
            }
            Way::Webhook { url, auth, content_type } => {
                let (url, auth) = (opener.address(url)?, opener.auth(auth)?);
                let message = words::clean(message, opener.redactor());
                let request = webhook::request(&message, own, url, &auth, content_type)?;
                http::post(request, self.deadline).await?.accepted()
            }
            Way::Email { url, user, password, from, to } => {
                let server = match url {
                    Some(url) => email::Server::read(&opener.mail_server(url)?)?,
                    None => email::Server::local(),
                };
                let login = match (user, password) {
                    (Some(user), Some(password)) => Some((user.clone(), opener.password(password)?)),
                    (Some(_), None) | (None, Some(_) | None) => None,
                };
                let message = words::clean(message, opener.redactor());
                let page = self.page.as_ref().map(|page| opener.redactor().clean(page));
                let mail = email::mail(&message, own, page, from, to)?;
                email::send(&server, login, mail, self.deadline).await
            }
            Way::Desktop => {
                let message = words::clean(message, opener.redactor());
                desktop::send(&message, own, self.program_deadline).await
            }
            Way::Command { argv, dir } => {
                let message = words::clean(message, opener.redactor());
                command::send(&message, argv, dir, self.program_deadline).await
            }
        }
    }
}
