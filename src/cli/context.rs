//! What every command needs: the streams, the places, the daemon's client.

use super::Globals;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::place::Surroundings;
use crate::client::{Client, VERSION};
use crate::instance::Instance;
use std::path::PathBuf;

/// The surroundings of one run of the command line.
#[derive(Debug)]
pub struct Context {
    /// The streams.
    pub out: Output,
    /// The places.
    pub around: Surroundings,
    /// `--json`.
    pub json: bool,
    /// `--file` as typed.
    pub asked_file: Option<PathBuf>,
}

impl Context {
    /// Looks around.
    pub fn new(globals: Globals) -> Self {
        Self {
            out: Output::new(globals.color, globals.quiet),
            around: Surroundings::from_env(),
            json: globals.json,
            asked_file: globals.file,
        }
    }
    /// The file that counts.
    pub fn file(&self) -> Result<PathBuf, Failure> {
        self.around.find_file(self.asked_file.as_deref())
    }
    /// The places of its instance. A file that is gone must not hide what runs: then where it stood counts.
    pub fn instance(&self) -> Result<Instance, Failure> {
        let file = self.file().or_else(|failure| self.around.vanished(self.asked_file.as_deref()).ok_or(failure))?;
        self.around.instance(&file)
    }
    /// A client of its daemon; connects with the first call.
    pub fn client(&self, instance: &Instance) -> Result<Client, Failure> {
        Ok(Client::new(&instance.api_socket())?)
    }
    /// Runs the asynchronous part of a command.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::io("cannot start", &e))?;
        let result = runtime.block_on(work);
        // A blocking read that nobody waits for any more must not keep the command from ending.
        runtime.shutdown_background();
        result
    }
    /// Says so when the daemon is of another version.
    pub fn note_skew(&self, client: &Client) {
        if let Some(daemon) = client.skew() {
            self.out.talk(&format!("note: the daemon is nightkeep {daemon}, this is {VERSION}"));
        }
    }
    /// Refuses `--json` where there is no data.
    pub fn no_json(&self, command: &str) -> Result<(), Failure> {
        if self.json {
            return Err(Failure::new(Exit::Usage, format!("`{command}` has no JSON form")));
        }
        Ok(())
    }
}
