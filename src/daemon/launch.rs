//! What an attempt is started with beyond its plan: the hand-over in its run directory, and the command line of an agent
//! with its conversation.

use super::inbox::{Closed, Inbox};
use super::perform::Rim;
use crate::agents::launch::{With, argv, can_resume, kept, settings, typed};
use crate::agents::profile::{Starting, built_in};
use crate::core::conversation::Conversation;
use crate::core::event::Event;
use crate::core::ids::AttemptId;
use crate::core::plan::SessionPlan;
use crate::recording::hooks::HOOKS_FILE;
use crate::recording::spec::Spec;
use crate::status::brief::{Brief, of_attempt};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Names the file with the hand-over.
const VARIABLE: &str = "NIGHTKEEP_BRIEF";
/// That file in the run directory.
const FILE: &str = "brief.md";
/// An agent's settings for this start, there as well.
const SETTINGS: &str = "settings.json";
/// What is typed as its prompt, there as well.
const PROMPT: &str = "prompt.txt";
/// Most bytes of that.
const PROMPT_MAX: u64 = 128 << 10;

/// A hand-over on its way to a program.
pub struct Launch {
    brief: Brief,
    file: PathBuf,
    /// Settings for this start, and their file.
    settings: Option<(PathBuf, String)>,
    conversation: Option<Conversation>,
    /// What is to be typed, and its file.
    typed: Option<(PathBuf, String)>,
}

/// What the attempt is started with by the journal. Its environment names the hand-over.
pub async fn take(inbox: &Inbox, attempt: &AttemptId, run_dir: &Path, spec: &mut Spec) -> Result<Launch, Closed> {
    let id = attempt.clone();
    let (brief, conversation) = inbox
        .look(move |state, _| {
            let known = state.runs.get(&id.run).and_then(|run| run.attempt(id.number));
            (of_attempt(state, &id), known.and_then(|known| known.conversation.clone()))
        })
        .await?;
    let file = run_dir.join(FILE);
    spec.env.insert(VARIABLE.to_owned(), file.to_string_lossy().into_owned());
    Ok(Launch { brief, file, settings: None, conversation, typed: None })
}

impl Launch {
    /// Makes the command line of an agent; that of a plain command is its plan's. `program` is what its hooks call.
    pub fn command(&mut self, session: &SessionPlan, program: &Path, run_dir: &Path, spec: &mut Spec) {
        let Some(launch) = &session.launch else { return };
        let profile = session.agent.as_deref().and_then(built_in);
        let hooks = profile.as_ref().and_then(|profile| {
            settings(&profile.start, &program.to_string_lossy(), &run_dir.join(HOOKS_FILE).to_string_lossy())
        });
        self.settings = hooks.map(|text| (run_dir.join(SETTINGS), text));
        let resumed = self.conversation.as_ref().is_some_and(|conversation| conversation.resumed);
        let settings = self.settings.as_ref().map(|(file, _)| file.to_string_lossy());
        let file = self.file.to_string_lossy();
        let with = With {
            starting: profile.as_ref().map(|profile| &profile.start),
            conversation: self.conversation.as_ref(),
            brief: self.brief.tells.then_some(&*file),
            before: self.brief.before.as_deref(),
            settings: settings.as_deref(),
            types_prompt: launch.types_prompt.holds(resumed),
            port: launch.events.filter(|wanted| *wanted).and_then(|_| free_port()),
        };
        spec.argv = argv(launch, &with);
        self.typed = typed(launch, &with).map(|text| (run_dir.join(PROMPT), text));
        if let Some(streaming) = profile.as_ref().and_then(|profile| profile.start.stream.as_ref())
            && let Some(served) = streaming.served(&spec.argv, &spec.env)
            && with.port == Some(served.port)
            && served.password.is_none()
        {
            // What it serves can run commands: nobody else on this machine may ask it for anything.
            match password() {
                Ok(password) => drop(spec.env.insert(streaming.password.clone(), password)),
                Err(e) => {
                    tracing::warn!("its events are not asked for, as there is no password: {e}");
                    spec.argv = argv(launch, &With { port: None, ..with });
                }
            }
        }
    }
    /// Writes its files, before anything is started.
    pub fn write(&self) -> std::io::Result<()> {
        let write = |path: &Path, text: &str| {
            let mut open = std::fs::OpenOptions::new();
            open.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
        };
        write(&self.file, &self.brief.text)?;
        let others = [&self.settings, &self.typed];
        others.into_iter().flatten().try_for_each(|(path, text)| write(path, text))
    }
}

/// What the attempt of a run directory is to be told once it waits for that.
pub fn prompt_to_type(run_dir: &Path) -> Option<String> {
    let file = crate::recording::open_regular(&run_dir.join(PROMPT)).ok()?;
    let mut text = String::new();
    file.take(PROMPT_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A port of the loopback that is free now. Somebody else may take it before it is used; the program says so then.
fn free_port() -> Option<u16> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).ok()?;
    listener.local_addr().ok().map(|address| address.port())
}

/// A password that nobody can guess.
fn password() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Rim {
    /// Tells that an attempt's agent kept its conversation, by the transcripts that are surely its own, the oldest first,
    /// and those beside them.
    pub(super) async fn tell_conversation(&self, attempt: &AttemptId, own: &[String], beside: &[String]) {
        let id = attempt.clone();
        let known = self.inbox().look(move |state, _| {
            let run = state.runs.get(&id.run)?;
            let plan = run.session.as_deref().or_else(|| state.session(&id.run.session))?;
            let attempt = run.attempt(id.number).filter(|attempt| attempt.started.is_some())?;
            let conversation = attempt.conversation.clone()?;
            Some((plan.agent.clone(), plan.launch.clone()?, conversation))
        });
        let Some((agent, launch, conversation)) = known.await.ok().flatten() else { return };
        let profile = agent.as_deref().and_then(built_in);
        let by_itself = Starting::default();
        let starting = profile.as_ref().map_or(&by_itself, |profile| &profile.start);
        if !can_resume(&launch, starting) {
            return;
        }
        let needs_id = launch.resume.as_ref().is_some_and(|words| words.iter().any(|word| word.contains("{id}")));
        let id = match &launch.resume {
            // Its own way needs to know nothing.
            Some(_) if !needs_id => None,
            Some(_) | None => match kept(starting, conversation.id.as_deref(), own, beside) {
                Some(id) => id,
                None => return,
            },
        };
        let _ = self.inbox().tell(Event::ConversationKept { attempt: attempt.clone(), id }).await;
    }
}
