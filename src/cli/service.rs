//! `service`: the daemon as a service of the user's own service manager, so that it comes back after a crash or a reboot.

mod unit;

use super::context::Context;
use super::external::{self, Answer};
use super::failure::{Exit, Failure, shown_path};
use super::trust_store::TrustStore;
use crate::instance::Instance;
use crate::protocol::SCHEMA;
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unit::{Described, Kind};

/// Runs the daemon as a service of the user: systemd, or launchd on macOS
///
/// The service starts at login (with lingering: at boot), is started again after a crash, and is watched: when its main
/// loop makes no turn for a minute it is restarted. tmux and the sessions run on meanwhile.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep service install\n  nightkeep service install --yes\n  nightkeep service status"
)]
pub struct Args {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, clap::Subcommand)]
enum Deed {
    /// Writes the service's file and enables it
    Install {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Disables the service and removes its file; sessions run on
    Uninstall {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Shows whether it is installed, up to date, enabled and running
    Status,
}

/// How long the service manager may take to answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// `service status --json`.
#[derive(Debug, Serialize)]
struct ServiceStatus {
    schema: u32,
    kind: &'static str,
    name: String,
    path: String,
    installed: bool,
    /// Whether the file is what `install` would write now; null when there is none.
    current: Option<bool>,
    enabled: Option<bool>,
    active: Option<bool>,
    /// Whether the service outlives the login; null where that is not known.
    lingering: Option<bool>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let service = Service::of(context, &instance)?;
    context.block_on(async {
        match &args.deed {
            Deed::Install { yes } => install(context, &instance, &service, *yes).await,
            Deed::Uninstall { yes } => uninstall(context, &service, *yes).await,
            Deed::Status => status(context, &service).await,
        }
    })
}

/// The service of one instance.
#[derive(Debug)]
pub struct Service {
    kind: Kind,
    /// `nightkeep-work-1a2b3c.service`
    name: String,
    path: PathBuf,
    text: String,
}

impl Service {
    /// What would be written for an instance.
    pub fn of(context: &Context, instance: &Instance) -> Result<Self, Failure> {
        let kind = if cfg!(target_os = "macos") { Kind::Launchd } else { Kind::Systemd };
        let around = &context.around;
        let home = around.home.clone();
        let home =
            home.ok_or_else(|| Failure::new(Exit::Failed, "HOME is not set, so nobody knows where services stand"))?;
        let program = external::this_program().map_err(|e| Failure::io("cannot find this program", &e))?;
        let key = instance.runtime().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = unit::name(instance.root(), key);
        let folder = match kind {
            Kind::Systemd => around.config_home.clone().unwrap_or_else(|| home.join(".config")).join("systemd/user"),
            Kind::Launchd => home.join("Library/LaunchAgents"),
        };
        let path = std::env::var("PATH").ok();
        let log = instance.daemon_log();
        let described = Described {
            name: &name,
            program: &program,
            file: instance.file(),
            folder: instance.root(),
            log: &log,
            path: path.as_deref(),
        };
        let text = unit::text(kind, &described)
            .map_err(|e| Failure::new(Exit::Failed, format!("cannot write a service: {e}")))?;
        let file = match kind {
            Kind::Systemd => format!("{name}.service"),
            Kind::Launchd => format!("dev.{name}.plist"),
        };
        Ok(Self { kind, path: folder.join(&file), name: file.trim_end_matches(".plist").to_owned(), text })
    }
    /// Whether its file is there, and whether it is what would be written now.
    pub fn installed(&self) -> Option<bool> {
        std::fs::read_to_string(&self.path).ok().map(|text| text == self.text)
    }
    async fn manager(&self, args: &[&str]) -> Result<Answer, String> {
        let answer = match self.kind {
            Kind::Systemd => external::ask("systemctl", &[&["--user"], args].concat(), DEADLINE).await,
            Kind::Launchd => external::ask("launchctl", args, DEADLINE).await,
        };
        answer.map_err(|e| format!("{}: {e}", self.program()))
    }
    fn program(&self) -> &'static str {
        match self.kind {
            Kind::Systemd => "systemctl",
            Kind::Launchd => "launchctl",
        }
    }
    /// Asks for a change; `Err` says what was refused.
    async fn must(&self, args: &[&str]) -> Result<(), String> {
        let answer = self.manager(args).await?;
        if answer.ok { Ok(()) } else { Err(format!("`{} {}` failed", self.shown_program(), args.join(" "))) }
    }
    fn shown_program(&self) -> &'static str {
        match self.kind {
            Kind::Systemd => "systemctl --user",
            Kind::Launchd => "launchctl",
        }
    }
    /// Whether the service manager says so; `None` when it cannot be asked.
    async fn says(&self, word: &str) -> Option<bool> {
        match self.kind {
            Kind::Systemd => {
                let answer = self.manager(&[word, &self.name]).await.ok()?;
                // Without a manager to ask, nothing is printed either.
                (!answer.text.is_empty()).then_some(answer.ok)
            }
            Kind::Launchd => Some(self.manager(&["list", &self.name]).await.ok()?.ok),
        }
    }
}

async fn install(context: &Context, instance: &Instance, service: &Service, yes: bool) -> Result<(), Failure> {
    context.no_json("service install")?;
    if !TrustStore::new(&context.around)?.trusts(instance.file())? {
        let what = format!("{} is not trusted, so its service would start nothing", shown_path(instance.file()));
        return Err(Failure::new(Exit::Refused, what).hint("read it, then `nightkeep trust`"));
    }
    if service.installed() == Some(true) {
        context.out.line(&format!("{} is there already, as it should be", shown_path(&service.path)))?;
    } else {
        let verb = if service.path.exists() { "changed" } else { "written" };
        context.out.error_line(&format!("{} would be {verb}:\n\n{}", shown_path(&service.path), service.text));
        agree(context, yes, "Write and enable it?")?;
        write(&service.path, &service.text)
            .map_err(|e| Failure::io(format!("cannot write {}", shown_path(&service.path)), &e))?;
        context.out.line(&format!("wrote {}", shown_path(&service.path)))?;
    }
    // Two daemons of one instance cannot be: the service takes over when the running one has ended.
    let running = context.client(instance)?.health().await.is_ok() && service.says("is-active").await != Some(true);
    let deeds: Vec<Vec<&str>> = match (service.kind, running) {
        (Kind::Systemd, false) => vec![vec!["daemon-reload"], vec!["enable", "--now", &service.name]],
        (Kind::Systemd, true) => vec![vec!["daemon-reload"], vec!["enable", &service.name]],
        (Kind::Launchd, false) => vec![vec!["load", "-w", service.path.to_str().unwrap_or_default()]],
        (Kind::Launchd, true) => Vec::new(),
    };
    for deed in &deeds {
        service.must(deed).await.map_err(|e| {
            Failure::new(Exit::Failed, format!("the file is written, but the service is not enabled: {e}"))
                .hint(format!("`{} {}` says why", service.shown_program(), deed.join(" ")))
                .hint(
                    "without a session of the user's service manager (sudo, containers) it cannot be enabled from here",
                )
        })?;
    }
    context.out.line(&format!("{} is enabled", service.name))?;
    if running {
        context
            .out
            .talk("note: a daemon runs already; the service takes over at the next login, or after `nightkeep down`");
    }
    if lingering(service.kind).await == Some(false) {
        context.out.talk(
            "note: lingering is not enabled: the service ends when you log out; `loginctl enable-linger` keeps it",
        );
    }
    Ok(())
}

async fn uninstall(context: &Context, service: &Service, yes: bool) -> Result<(), Failure> {
    context.no_json("service uninstall")?;
    if service.installed().is_none() {
        return context.out.line(&format!("{} is not there: nothing to remove", shown_path(&service.path)));
    }
    context.out.error_line(&format!(
        "{} would be disabled and its file {} removed",
        service.name,
        shown_path(&service.path)
    ));
    agree(context, yes, "Remove it? Sessions run on.")?;
    let disabled = match service.kind {
        Kind::Systemd => service.must(&["disable", "--now", &service.name]).await,
        Kind::Launchd => service.must(&["unload", "-w", service.path.to_str().unwrap_or_default()]).await,
    };
    std::fs::remove_file(&service.path)
        .map_err(|e| Failure::io(format!("cannot remove {}", shown_path(&service.path)), &e))?;
    if let Err(e) = disabled {
        context.out.talk(&format!("note: it was not disabled: {e}; its file is gone all the same"));
    } else if service.kind == Kind::Systemd {
        // The manager forgets it at its next reload anyway.
        let _ = service.manager(&["daemon-reload"]).await;
    }
    context.out.line(&format!("removed {}", shown_path(&service.path)))
}

async fn status(context: &Context, service: &Service) -> Result<(), Failure> {
    let current = service.installed();
    let (enabled, active) = match current {
        Some(_) => (service.says("is-enabled").await, service.says("is-active").await),
        None => (None, None),
    };
    let status = ServiceStatus {
        schema: SCHEMA,
        kind: match service.kind {
            Kind::Systemd => "systemd",
            Kind::Launchd => "launchd",
        },
        name: service.name.clone(),
        path: service.path.display().to_string(),
        installed: current.is_some(),
        current,
        enabled,
        active,
        lingering: lingering(service.kind).await,
    };
    if context.json {
        return context.out.json(&status);
    }
    let word = |known: Option<bool>, yes, no| match known {
        Some(true) => yes,
        Some(false) => no,
        None => "not known",
    };
    let file = match current {
        None => "not installed: `nightkeep service install`".to_owned(),
        Some(true) => shown_path(&service.path),
        Some(false) => format!(
            "{}, not as it would be written now: `nightkeep service install` changes it",
            shown_path(&service.path)
        ),
    };
    let mut lines = vec![format!("{:<10} {}", "service", status.name), format!("{:<10} {file}", "file")];
    if current.is_some() {
        lines.push(format!("{:<10} {}", "enabled", word(enabled, "yes", "no")));
        lines.push(format!("{:<10} {}", "active", word(active, "yes", "no")));
    }
    lines.push(format!(
        "{:<10} {}",
        "lingering",
        word(status.lingering, "yes: it outlives your login", "no: it ends when you log out; `loginctl enable-linger`")
    ));
    context.out.line(&lines.join("\n"))
}

/// Asks at the terminal; without one and without `--yes` nothing is done.
fn agree(context: &Context, yes: bool, question: &str) -> Result<(), Failure> {
    if yes || (context.out.can_ask() && context.out.ask(question)) {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "nothing was changed").hint("`--yes` does it without asking"))
}

/// Whether services of the user outlive the login; `None` where nobody knows.
pub(super) async fn linger() -> Option<bool> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let args = ["show-user", &uid, "--property=Linger", "--value"];
    let answer = external::ask("loginctl", &args, DEADLINE).await.ok()?;
    answer.ok.then_some(answer.text == "yes")
}

async fn lingering(kind: Kind) -> Option<bool> {
    match kind {
        Kind::Systemd => linger().await,
        Kind::Launchd => None,
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    rustix::fs::fchmod(file.as_file(), rustix::fs::Mode::from_raw_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
