//! A mail server of the test's own: it speaks enough SMTP, keeps what it was told, and refuses by a script.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server does other than well, by the verb it answers: `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`,
/// `.` for the end of the mail, and `` for the greeting. An empty answer is silence, `close` hangs up.
pub type Script = &'static [(&'static str, &'static str)];

/// The running server; ends with the test's process.
pub struct MailServer {
    pub address: String,
    told: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// A server that offers these extensions.
    pub fn start(offers: &'static [&'static str], script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = told.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up has heard enough.
                let _ = serve(stream, offers, script, &kept);
            }
        });
        Self { address, told }
    }
    /// Every line that it was told.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, offers: &[&str], script: Script, told: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let scripted = |verb: &str| script.iter().find(|(v, _)| *v == verb).map(|(_, answer)| *answer);
    let mut say = |verb: &str, usual: &str| -> std::io::Result<bool> {
        match scripted(verb).unwrap_or(usual) {
            "close" => Ok(false),
            "" => Ok(true),
            answer => write!(out, "{answer}\r\n").map(|()| true),
        }
    };
    if !say("", "220 mail.test ESMTP")? {
        return Ok(());
    }
    let mut in_mail = false;
    while let Some(Ok(line)) = lines.next() {
        told.lock().unwrap().push(line.clone());
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let greeting = offers.iter().fold("250-mail.test".to_owned(), |all, offer| format!("{all}\r\n250-{offer}"));
        let go_on = match (in_mail, verb.as_str()) {
            (true, ".") => {
                in_mail = false;
                say(".", "250 2.0.0 queued")?
            }
            (true, _) => true,
            (false, "EHLO") => say("EHLO", &format!("{greeting}\r\n250 SIZE 1000000"))?,
            (false, "AUTH") => say("AUTH", "235 2.7.0 welcome")?,
            (false, "DATA") => {
                in_mail = scripted("DATA").is_none();
                say("DATA", "354 go on")?
            }
            (false, "QUIT") => {
                say("QUIT", "221 bye")?;
                false
            }
            (false, verb) => say(verb, "250 2.1.0 ok")?,
        };
        if !go_on {
            return Ok(());
        }
    }
    Ok(())
}
