//! Opens the secrets of one channel, each time anew, so that a changed one counts at once.

use super::fault::Fault;
use crate::core::plan::{Auth, ClearSecrets, SecretField, SecretRef, check_mail_address, check_web_address};
use crate::core::secret::{Redactor, Secret};
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Largest secret, in bytes.
const SECRET_MAX: u64 = 64 << 10;

/// How we say who we are, with the secrets in hand.
pub(super) enum Credentials {
    None,
    Bearer(Secret),
    Basic(String, Secret),
}

/// Opens secrets and remembers them, to take them out of what is said.
pub(super) struct Opener<'a> {
    clear: &'a ClearSecrets,
    channel: &'a str,
    redactor: Redactor,
}

impl<'a> Opener<'a> {
    pub(super) fn new(clear: &'a ClearSecrets, channel: &'a str) -> Self {
        let mut redactor = Redactor::new();
        // A message may hold the secret of another channel: a session may have printed it.
        for ((_, field), secret) in clear {
            match field {
                SecretField::Url => redactor.add_address(secret),
                SecretField::Token | SecretField::Password => redactor.add(secret),
            }
        }
        Self { clear, channel, redactor }
    }
    /// Knows every secret that was opened.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }
    /// An address to post to.
    pub(super) fn address(&mut self, at: &SecretRef) -> Result<Secret, Fault> {
        self.checked_address(at, check_web_address)
    }
    /// The address of a mail server.
    pub(super) fn mail_server(&mut self, at: &SecretRef) -> Result<Secret, Fault> {
        self.checked_address(at, check_mail_address)
    }
    /// A token.
    pub(super) fn token(&mut self, at: &SecretRef) -> Result<Secret, Fault> {
        self.word(SecretField::Token, at)
    }
    /// A password.
    pub(super) fn password(&mut self, at: &SecretRef) -> Result<Secret, Fault> {
        self.word(SecretField::Password, at)
    }
    /// How we say who we are.
    pub(super) fn auth(&mut self, auth: &Auth) -> Result<Credentials, Fault> {
        Ok(match auth {
            Auth::None => Credentials::None,
            Auth::Bearer(token) => Credentials::Bearer(self.token(token)?),
            Auth::Basic { user, password } => {
                let password = self.password(password)?;
                // An answer may repeat the header, which has both in one word.
                self.redactor.add(&Secret::new(format!("{user}:{}", password.expose())));
                Credentials::Basic(user.clone(), password)
            }
        })
    }

    fn checked_address(
        &mut self,
        at: &SecretRef,
        check: fn(&str) -> Result<(), (&'static str, &'static str)>,
    ) -> Result<Secret, Fault> {
        let address = self.open(SecretField::Url, at)?;
        self.redactor.add_address(&address);
        check(address.expose()).map_err(|(why, help)| Fault::permanent(format!("{why}; {help}")))?;
        Ok(address)
    }

    fn word(&mut self, field: SecretField, at: &SecretRef) -> Result<Secret, Fault> {
        let secret = self.open(field, at)?;
        self.redactor.add(&secret);
        Ok(secret)
    }

    fn open(&self, field: SecretField, at: &SecretRef) -> Result<Secret, Fault> {
        let key = field.as_str();
        let text = match at {
            SecretRef::Env(name) => std::env::var(name)
                .map_err(|_| Fault::permanent(format!("the {key} is missing: {name} is not in the environment")))?,
            SecretRef::File(path) => read(path)
                .map_err(|e| Fault::permanent(format!("the {key} is missing: cannot read {}: {e}", path.display())))?,
            SecretRef::Here => {
                let secret = self.clear.get(&(self.channel.to_owned(), field));
                secret
                    .map(|s| s.expose().to_owned())
                    .ok_or_else(|| Fault::permanent(format!("the {key} is missing: it stands no longer in the file")))?
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(Fault::permanent(format!("the {key} is empty")));
        }
        if text.chars().any(char::is_control) {
            return Err(Fault::permanent(format!("the {key} has a control character in it")));
        }
        Ok(Secret::new(text))
    }
}

/// Reads a small regular file; one that is something else must not hold us up.
fn read(path: &Path) -> std::io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    if meta.len() > SECRET_MAX {
        return Err(std::io::Error::other("it is too large for a secret"));
    }
    let mut text = String::new();
    file.take(SECRET_MAX).read_to_string(&mut text)?;
    Ok(text)
}
