//! Any address that takes a POST: the message as JSON, or what a template makes of it.

use super::fault::Fault;
use super::http::Post;
use super::secrets::Credentials;
use crate::core::alert::document::document;
use crate::core::alert::message::Message;
use crate::core::alert::template::{Values, render};
use crate::core::secret::Secret;

pub(super) fn request(
    message: &Message,
    own: Option<&str>,
    url: Secret,
    auth: &Credentials,
    content_type: &str,
) -> Result<Post, Fault> {
    let document = document(message, &message.body);
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = kind == "application/json" || kind.ends_with("+json");
    let values = if json { Values::Json } else { Values::Escaped(str::to_owned) };
    let body = match own {
        Some(template) => render(template, values, &document)?,
        None => document.to_string(),
    };
    let key: String = message.key.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    Post::new(url, content_type, body)?.header("idempotency-key", &key)?.auth(auth)
}
