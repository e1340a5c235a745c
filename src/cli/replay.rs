//! `replay`: the screen of a session as it was, from the recorder's files; needs no daemon.

mod cast;
mod files;
mod marks;

use super::context::Context;
use super::failure::{Exit, Failure, session_name};
use super::logs;
use super::when::{self, Since};
use crate::core::ids::AttemptId;
use crate::core::time::Wall;
use crate::instance::Instance;
use crate::os::clock;
use crate::terminal;
use crate::tui::alone::{self, Look, Recordings};
use crate::tui::pane::Trust;
use crate::tui::player::{Mark, Player};
use crate::tui::theme::ThemeName;
use files::Files;
use jiff::tz::TimeZone;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// Shows the screen of a session as it was
///
/// On a terminal it plays the recording: Space pauses, the arrows go back and forth, the last line tells the other keys.
/// With --at and no terminal it prints the screen of that moment as text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep replay auth --at 03:12\n  nightkeep replay auth --speed 10\n  \
    nightkeep replay auth --at 03:12:30 | head\n  nightkeep replay auth --attempt 2 --cast auth.cast")]
pub struct Args {
    /// Which session
    name: String,
    /// The moment: 03:12 or 03:12:30 (the last one), 2h (ago), or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = when::since)]
    at: Option<Since>,
    /// How fast it plays: 2 is twice as fast as it was
    #[arg(long, value_name = "X", value_parser = speed)]
    speed: Option<f64>,
    /// Write the recording as asciicast v3 to this file, `-` for stdout
    #[arg(long, value_name = "FILE", conflicts_with_all = ["at", "speed"])]
    cast: Option<PathBuf>,
    /// This attempt of the last run
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
    speed.filter(|s| (0.01..=10_000.0).contains(s)).ok_or_else(|| "a speed is a number like 0.5, 2 or 60".to_owned())
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("replay")?;
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let zone = TimeZone::system();
    let at = args.at.map(|at| at.resolve(clock::wall(), &zone));
    let all = logs::in_order(&instance, &name);
    let attempt = match (at, args.attempt) {
        (Some(at), None) => at_moment(&instance, &all, at),
        (_, number) => logs::wanted(&all, number)?,
    };
    let Some(attempt) = attempt else {
        return Err(logs::no_output(&instance, name.as_str()));
    };
    let mut files = Files::open(&instance, &attempt, &all)?;
    if let Some(target) = &args.cast {
        return cast::write(context, &instance, &mut files, target);
    }
    let on_terminal = context.out.stdout_terminal && std::io::stdin().is_terminal();
    match at {
        _ if on_terminal => interactive(args, context, &instance, files, at, zone),
        Some(at) => print(context, &mut files, at, &zone),
        None => Err(Failure::new(Exit::Usage, "a replay is for a terminal, and this is none")
            .hint("with `--at TIME` the screen of that moment is printed; `--cast FILE` writes the whole recording")),
    }
}

/// The last attempt that had begun at a moment; before all of them the first.
fn at_moment(instance: &Instance, all: &[AttemptId], at: Wall) -> Option<AttemptId> {
    let begun = |attempt: &&AttemptId| Files::open(instance, attempt, all).is_ok_and(|files| files.span().0 <= at.0);
    all.iter().rfind(begun).or(all.first()).cloned()
}

/// Prints the screen of a moment as text, and says on stderr what it is.
fn print(context: &Context, files: &mut Files, at: Wall, zone: &TimeZone) -> Result<(), Failure> {
    let mut player = Player::new(files.about()?);
    let (first, last) = player.span();
    let time = |ms: i64| when::clock_time(Wall(ms), zone);
    let attempt = files.attempt().clone();
    if at.0 < first {
        let what = format!("nothing was on the screen of {} at {}", attempt.run.session, when::rfc3339(at));
        return Err(Failure::new(Exit::NotFound, what)
            .hint(format!("its recording begins at {}, attempt {attempt}", when::rfc3339(Wall(first)))));
    }
    player.seek(at.0);
    files.serve_all(&mut player)?;
    if player.emulator().trust() == Trust::Partial {
        // What was drawn long before may still stand there: then it takes as long as it takes.
        player = Player::new(files.about()?).exact();
        player.seek(at.0);
        files.serve_all(&mut player)?;
    }
    let (cols, rows) = player.emulator().size();
    context.out.talk(&format!("{attempt} at {}, {cols}x{rows}", time(at.0.min(last))));
    if at.0 > last && !player.about().lives {
        context.out.talk(&format!("note: it ended at {}; this is its last screen", time(last)));
    }
    for remark in player.remarks() {
        context.out.talk(&format!("note: {remark}"));
    }
    let text = player.emulator().text();
    let lines = text.lines().map(|line| terminal::redact(line).into_owned() + "\n");
    context.out.data(&lines.collect::<String>())
}

/// Plays it on this terminal.
fn interactive(
    args: &Args,
    context: &Context,
    instance: &Instance,
    files: Files,
    at: Option<Wall>,
    zone: TimeZone,
) -> Result<(), Failure> {
    let marks = context.block_on(async { Ok(marks::of(instance, files.attempt()).await.unwrap_or_default()) })?;
    let mut shelf = Shelf { instance, files, marks };
    let mut player = shelf.player().map_err(|failure| failure.exits(Exit::Failed))?;
    if let Some(at) = at {
        player.seek(at.0);
    }
    if let Some(speed) = args.speed {
        player.set_speed(speed);
    }
    player.play(at.is_none() || args.speed.is_some());
    let theme = if context.out.color { ThemeName::default() } else { ThemeName::None };
    let look = Look { theme, zone };
    context.block_on(async {
        alone::play(player, &mut shelf, look).await.map_err(|e| Failure::io("the replay cannot go on", &e))
    })
}

/// The recordings of a session, one of them open.
struct Shelf<'a> {
    instance: &'a Instance,
    files: Files,
    marks: Vec<Mark>,
}

impl Shelf<'_> {
    fn player(&mut self) -> Result<Player, Failure> {
        let mut player = Player::new(self.files.about()?);
        player.set_marks(self.marks.clone());
        Ok(player)
    }
}

impl Recordings for Shelf<'_> {
    fn serve(&mut self, player: &mut Player) -> Result<bool, String> {
        self.files.serve(player).map_err(|failure| failure.lines().join("; "))
    }
    fn open(&mut self, attempt: &str) -> Result<Player, String> {
        let told = |failure: Failure| failure.lines().join("; ");
        let attempt: AttemptId = attempt.parse().map_err(|_| format!("{attempt} is no attempt"))?;
        let all = self.files.all().to_vec();
        self.files = Files::open(self.instance, &attempt, &all).map_err(told)?;
        self.player().map_err(told)
    }
    fn look(&mut self, player: &mut Player) {
        // What cannot be looked at now is as it was.
        if self.files.look().is_ok()
            && let Ok(about) = self.files.about()
        {
            player.grown(about);
        }
    }
}
