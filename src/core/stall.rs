//! Whether a running program works, by what it does: new words in its output, processor time and input/output of its
//! process tree, programs it starts, files that change, a transcript that grows.
//!
//! [`Watch`] is fed samples and counts how long nothing showed that the program works. It holds no clock of its own and
//! nothing of the journal; the core decides what follows (see [`OnStall`]). Two rules keep a working program from being
//! taken for a stuck one: time that was not watched (a suspended machine, a daemon that was down) is never counted as
//! quiet, and begins the count anew, and without a look at the processes nothing is called quiet at all.

use super::effect::Effect;
use super::finding::{Acted, FindingKind, Found};
use super::ids::AttemptId;
use super::plan::OnStall;
use super::run::{AfterStop, RunState};
use super::time::{At, Mono, Wall};
use super::turn::Turn;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest time between two samples.
pub const SAMPLE_AT_MOST: Duration = Duration::from_secs(30);
/// Shortest time between two samples.
pub const SAMPLE_AT_LEAST: Duration = Duration::from_secs(2);
/// Longest step between two samples that counts. What took longer was not watched: the machine slept, or the daemon did.
const STEP_MAX: Duration = Duration::from_secs(60);
/// A shorter sleep of the machine is none.
const SLEPT_MS: u64 = 2_000;
/// Share of a core, in thousandths, from which on a silent tree works. Below is what idle runtimes burn.
const CPU_SILENT: u64 = 10;
/// The same while the program draws on its screen, at most: drawing costs something too. What it costs this program is
/// taken from the least it ever took while it drew.
const CPU_DRAWING: u64 = 100;
/// Bytes read and written a second from which on a silent tree works.
const IO_SILENT: u64 = 4 * 1024;
/// The same, beyond its output, while the program draws on its screen.
const IO_DRAWING: u64 = 64 * 1024;
/// Most names of programs that are remembered.
const NAMES_MAX: usize = 64;
/// What is typed to nudge a session on.
pub const NUDGE: &str = "continue";

/// How often a session is sampled: often enough that its limit is met within a quarter.
pub fn sample_every(limit: Duration) -> Duration {
    (limit / 4).clamp(SAMPLE_AT_LEAST, SAMPLE_AT_MOST)
}

/// The process tree of a program at one time. The recorder is not part of it, but the time of its ended children is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Processor time of all, ended children included, in milliseconds.
    pub cpu_ms: u64,
    /// Bytes read and written by all, ended children included.
    pub io: u64,
    /// The names of the programs.
    pub names: BTreeSet<String>,
    /// How many processes.
    pub count: u32,
    /// How many of them are stopped by a signal or a debugger (state T).
    pub stopped: u32,
    /// How many of them wait for a device and cannot be ended meanwhile (state D).
    pub uninterruptible: u32,
}

/// What was seen at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: At,
    /// Bytes of output so far.
    pub bytes: u64,
    /// When the output last said something new, as [`OutputSeen::new_at`](super::run::OutputSeen::new_at).
    pub new_at: Option<Wall>,
    /// The process tree; `None` when it was not looked at, or cannot be.
    pub tree: Option<Tree>,
    /// Length of the transcript, where there is one.
    pub transcript: Option<u64>,
    /// For how long the machine slept since it was booted, in milliseconds.
    pub slept_ms: u64,
}

/// What shows that a program works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Its output said something new.
    Output,
    /// Processor time, in thousandths of a core.
    Cpu(u64),
    /// Bytes read and written a second.
    Io(u64),
    /// A program that was not seen since it last worked was started.
    Child(String),
    /// A file changed.
    File(String),
    /// The transcript grew.
    Transcript,
}

impl Evidence {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Output => "new output".to_owned(),
            Self::Cpu(share) => format!("{} of a core", percent(*share)),
            Self::Io(rate) => format!("{} KiB/s read and written", rate / 1024),
            Self::Child(name) => format!("started {name}"),
            Self::File(path) => format!("{path} changed"),
            Self::Transcript => "its transcript grew".to_owned(),
        }
    }
}

fn percent(thousandths: u64) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// How a program stands after a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// How long nothing showed that it works, watched time only; zero when this sample showed it.
    pub quiet: Duration,
    /// Since when.
    pub since: Wall,
    /// What last showed that it works; `None` before anything did.
    pub by: Option<Evidence>,
    /// What the quiet looks like, in words.
    pub signs: Vec<String>,
}

#[derive(Debug, Clone)]
struct Before {
    mono: Mono,
    bytes: u64,
    new_at: Option<Wall>,
    tree: Option<Tree>,
    transcript: Option<u64>,
    slept_ms: u64,
}

/// Watches one attempt.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    before: Option<Before>,
    quiet: Duration,
    since: Option<Wall>,
    by: Option<Evidence>,
    /// Names seen since it last worked: a script that polls starts the same ones again and again.
    names: BTreeSet<String>,
    /// The least share of a core it took between two samples while it drew, in thousandths.
    least_drawing: Option<u64>,
    /// Bytes of output, processor time and io when the quiet began.
    base: Option<(u64, u64, u64)>,
}

impl Watch {
    /// Takes a sample.
    pub fn take(&mut self, sample: &Sample) -> Quiet {
        let at = sample.at;
        let evidence = self.evidence(sample);
        let looked = sample.tree.is_some() && self.before.as_ref().is_some_and(|before| before.tree.is_some());
        let step = self.before.as_ref().map_or(Duration::ZERO, |before| at.mono.since(before.mono));
        let slept = self.before.as_ref().is_some_and(|before| sample.slept_ms > before.slept_ms + SLEPT_MS);
        if let Some(evidence) = evidence {
            self.works(evidence, at.wall, sample);
        } else if slept || step > STEP_MAX {
            // It may need a while to find that its connections are gone: it has its whole time again.
            (self.quiet, self.since, self.base) = (Duration::ZERO, Some(at.wall), None);
        } else if looked {
            self.quiet += step;
        }
        if let Some(tree) = &sample.tree {
            let room = NAMES_MAX.saturating_sub(self.names.len());
            let new: Vec<String> = tree.names.difference(&self.names).take(room).cloned().collect();
            self.names.extend(new);
        }
        let since = *self.since.get_or_insert(at.wall);
        if self.base.is_none() {
            self.base = sample.tree.as_ref().map(|tree| (sample.bytes, tree.cpu_ms, tree.io));
        }
        let signs = self.signs(sample);
        self.before = Some(Before {
            mono: at.mono,
            bytes: sample.bytes,
            new_at: sample.new_at,
            tree: sample.tree.clone(),
            transcript: sample.transcript,
            slept_ms: sample.slept_ms,
        });
        Quiet { quiet: self.quiet, since, by: self.by.clone(), signs }
    }
    /// Takes in that a file changed this long ago.
    pub fn file_changed(&mut self, path: String, ago: Duration, now: Wall) -> Quiet {
        if ago < self.quiet {
            self.quiet = ago;
            self.since = Some(Wall(now.0.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(0))));
            self.by = Some(Evidence::File(path));
            self.base = None;
        }
        Quiet { quiet: self.quiet, since: self.since.unwrap_or(now), by: self.by.clone(), signs: Vec::new() }
    }
    /// How long nothing showed that it works.
    pub fn quiet(&self) -> Duration {
        self.quiet
    }
    /// Whether the output said nothing new since the last sample: only then its processes are worth a look.
    pub fn is_silent(&self, new_at: Option<Wall>) -> bool {
        self.before.as_ref().is_some_and(|before| before.new_at == new_at)
    }

    fn works(&mut self, evidence: Evidence, now: Wall, sample: &Sample) {
        self.quiet = Duration::ZERO;
        self.since = Some(now);
        self.by = Some(evidence);
        self.base = None;
        self.names =
            sample.tree.as_ref().map(|tree| tree.names.iter().take(NAMES_MAX).cloned().collect()).unwrap_or_default();
    }

    fn evidence(&mut self, sample: &Sample) -> Option<Evidence> {
        let before = self.before.as_ref()?;
        if sample.new_at != before.new_at {
            return Some(Evidence::Output);
        }
        if let (Some(was), Some(is)) = (before.transcript, sample.transcript)
            && was != is
        {
            return Some(Evidence::Transcript);
        }
        let (tree, was) = (sample.tree.as_ref()?, before.tree.as_ref()?);
        // Over a time in which the machine slept any work would look like little.
        let step = sample.at.mono.since(before.mono).min(STEP_MAX);
        let ms = u64::try_from(step.as_millis()).unwrap_or(u64::MAX).max(1);
        let drawn = sample.bytes.saturating_sub(before.bytes);
        let cpu = tree.cpu_ms.saturating_sub(was.cpu_ms).saturating_mul(1000) / ms;
        let (cpu_least, io_least) = if drawn > 0 {
            let least = self.least_drawing.map_or(cpu, |least| least.min(cpu));
            self.least_drawing = Some(least);
            (CPU_DRAWING.min(least.saturating_mul(3).saturating_add(2 * CPU_SILENT)), IO_DRAWING)
        } else {
            (CPU_SILENT, IO_SILENT)
        };
        if cpu >= cpu_least {
            return Some(Evidence::Cpu(cpu));
        }
        let io = tree.io.saturating_sub(was.io).saturating_sub(drawn).saturating_mul(1000) / ms;
        if io >= io_least {
            return Some(Evidence::Io(io));
        }
        let full = self.names.len() >= NAMES_MAX;
        let new = tree.names.iter().find(|name| !full && !was.names.contains(*name) && !self.names.contains(*name));
        new.cloned().map(Evidence::Child)
    }

    /// What the quiet looks like.
    fn signs(&self, sample: &Sample) -> Vec<String> {
        let (Some(tree), Some((bytes, cpu, io))) = (&sample.tree, self.base) else { return Vec::new() };
        let seconds = self.quiet.as_secs();
        if seconds == 0 {
            return Vec::new();
        }
        let drawn = sample.bytes.saturating_sub(bytes);
        let output = if drawn > 0 {
            format!("its output draws the same again: {drawn} bytes in {seconds} s, nothing new in them")
        } else {
            format!("no output for {seconds} s")
        };
        let share = tree.cpu_ms.saturating_sub(cpu) / seconds.max(1);
        let rate = tree.io.saturating_sub(io) / seconds.max(1);
        let names = tree.names.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ");
        let mut signs = vec![
            output,
            format!("{} of a core, {rate} bytes/s read and written", percent(share)),
            format!("{} processes, none of them new: {names}", tree.count),
        ];
        if tree.stopped > 0 {
            let all = tree.count;
            signs.push(format!("{} of {all} are stopped (state T): `kill -CONT` lets them go on", tree.stopped));
        }
        if tree.uninterruptible > 0 {
            let all = tree.count;
            let waits = tree.uninterruptible;
            signs
                .push(format!("{waits} of {all} cannot be ended (state D): a disk or a network share does not answer"));
        }
        signs
    }
}

impl Turn<'_> {
    /// A running program was looked at: its numbers first, as a stop ends what can be said of them.
    pub(super) fn sampled(&mut self, id: &AttemptId, quiet: Option<&Quiet>, deadlines: &BTreeMap<String, Wall>) {
        let works = quiet.is_none_or(|quiet| quiet.quiet < SAMPLE_AT_MOST * 2);
        self.progress(id, deadlines, works);
        if let Some(quiet) = quiet
            && !self.gave_up(id, quiet)
        {
            self.stall(id, quiet);
        }
    }

    fn stall(&mut self, id: &AttemptId, quiet: &Quiet) {
        let Some(run) = self.run(&id.run) else { return };
        if run.state != (RunState::Running { attempt: id.clone() }) {
            return;
        }
        let agent = run.attempt(id.number).and_then(|attempt| attempt.output.agent.as_ref());
        if agent.is_some_and(|agent| agent.waits()) {
            return self.resolve(&id.run, FindingKind::Stalled, "", "it waits, and says what for");
        }
        let Some(policy) = self.judged_by(&id.run).map(|session| session.stall.clone()) else { return };
        let limit = policy.after.filter(|limit| quiet.quiet >= *limit);
        let Some(limit) = limit else {
            let by = quiet.by.as_ref().map_or_else(|| "is watched anew".to_owned(), Evidence::words);
            return self.resolve(&id.run, FindingKind::Stalled, "", &format!("works again: {by}"));
        };
        let nudged = run.finding(FindingKind::Stalled, "").and_then(|known| known.acted.as_ref());
        let nudged = nudged.filter(|acted| acted.attempt == id.number).cloned();
        let what = format!("nothing shows that it works, for {}", span(quiet.quiet));
        let acted = |what: &str| Acted {
            what: what.to_owned(),
            attempt: id.number,
            since: quiet.since,
            quiet_ms: u64::try_from(quiet.quiet.as_millis()).unwrap_or(u64::MAX),
        };
        let found = |acted| Found {
            kind: FindingKind::Stalled,
            subject: String::new(),
            what: what.clone(),
            evidence: quiet.signs.clone(),
            acted,
        };
        match (policy.action, nudged) {
            (OnStall::Alert, _) => self.found(&id.run, found(None)),
            (OnStall::Nudge, None) => {
                self.found(&id.run, found(Some(acted("nudged"))));
                self.effect(Effect::Nudge { attempt: id.clone(), text: NUDGE.to_owned() });
            }
            // It gets its whole time again after a nudge.
            (OnStall::Nudge, Some(nudged))
                if nudged.since == quiet.since && quiet.quiet < nudged.quiet().saturating_add(limit) =>
            {
                self.found(&id.run, found(None));
            }
            (OnStall::Nudge | OnStall::Restart, _) => {
                self.found(&id.run, found(Some(acted("stopped to be tried again"))));
                self.stop(id, AfterStop::Stalled, None, &what);
            }
        }
    }
}

/// A time in words, to the second below an hour.
fn span(time: Duration) -> String {
    match time.as_secs() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A program under a watch, sampled every 30 seconds.
    struct Bench {
        watch: Watch,
        sample: Sample,
    }

    impl Bench {
        fn new() -> Self {
            let tree = Tree { cpu_ms: 0, io: 0, names: BTreeSet::from(["sh".to_owned()]), count: 1, ..Tree::default() };
            let at = At { wall: Wall(0), mono: Mono(0) };
            let sample = Sample { at, bytes: 0, new_at: None, tree: Some(tree), transcript: None, slept_ms: 0 };
            let mut bench = Self { watch: Watch::default(), sample };
            bench.watch.take(&bench.sample.clone());
            bench
        }
        /// Time passes and something happens; gives how long it is quiet then, in seconds.
        fn after(&mut self, seconds: u64, happens: impl FnOnce(&mut Sample, &mut Tree)) -> u64 {
            let mut tree = self.sample.tree.take().unwrap();
            self.sample.at = self.sample.at.plus(Duration::from_secs(seconds));
            happens(&mut self.sample, &mut tree);
            self.sample.tree = Some(tree);
            self.watch.take(&self.sample).quiet.as_secs()
        }
    }

    #[test]
    fn every_kind_of_work_ends_the_quiet() {
        type Happens = fn(&mut Sample, &mut Tree);
        let works: [(Happens, Evidence); 5] = [
            (|sample, _| sample.new_at = Some(Wall(1)), Evidence::Output),
            (|_, tree| tree.cpu_ms += 600, Evidence::Cpu(20)),
            (|_, tree| tree.io += 30 * 8192, Evidence::Io(8192)),
            (|_, tree| tree.names.extend(["cc".to_owned()]), Evidence::Child("cc".to_owned())),
            (|sample, _| sample.transcript = Some(9), Evidence::Transcript),
        ];
        for (happens, evidence) in works {
            let mut bench = Bench::new();
            bench.sample.transcript = Some(1);
            assert_eq!(bench.after(30, |_, _| {}), 30);
            assert_eq!(bench.after(30, |_, _| {}), 60);
            assert_eq!(bench.after(30, happens), 0, "{evidence:?}");
            assert_eq!(bench.watch.by, Some(evidence));
            assert_eq!(bench.after(30, |_, _| {}), 30);
        }
    }

    #[test]
    fn a_spinner_is_quiet_and_a_build_behind_a_spinner_is_not() {
        let mut bench = Bench::new();
        for i in 1..=40 {
            // Ten frames a second, each by a short-lived child: a little of everything.
            let quiet = bench.after(30, |sample, tree| {
                sample.bytes += 6_000;
                tree.cpu_ms += 300 + i % 3 * 50;
                tree.io += 6_000 + 30 * 20_000;
                if i % 2 == 0 {
                    tree.names.insert("sleep".to_owned())
                } else {
                    tree.names.remove("sleep")
                };
            });
            // The first frame that shows `sleep` is the only news.
            assert_eq!(quiet, 30 * if i == 1 { 1 } else { i - 2 }, "sample {i}");
        }
        let signs = bench.watch.take(&bench.sample.clone()).signs;
        assert!(signs[0].contains("draws the same again") && signs[1].starts_with("1."), "{signs:?}");
        let build = bench.after(30, |sample, tree| {
            sample.bytes += 6_000;
            tree.cpu_ms += 6_000;
        });
        assert_eq!(build, 0);
    }

    #[test]
    fn a_stopped_program_and_one_that_waits_for_a_disk_are_named_as_such() {
        let mut bench = Bench::new();
        bench.after(30, |_, _| {});
        bench.after(30, |_, tree| (tree.count, tree.stopped, tree.uninterruptible) = (3, 2, 1));
        let signs = bench.watch.signs(&bench.sample);
        assert!(signs[3].starts_with("2 of 3 are stopped (state T)"), "{signs:?}");
        assert!(signs[4].starts_with("1 of 3 cannot be ended (state D)"), "{signs:?}");
    }

    #[test]
    fn time_that_nobody_watched_is_not_quiet() {
        let mut bench = Bench::new();
        assert_eq!(bench.after(30, |_, _| {}), 30);
        assert_eq!(bench.after(8 * 3600, |_, _| {}), 0, "the machine slept");
        assert_eq!(bench.after(30, |_, _| {}), 30, "it has its whole time again");
        let blind = Sample { tree: None, at: bench.sample.at.plus(Duration::from_secs(30)), ..bench.sample.clone() };
        assert_eq!(bench.watch.take(&blind).quiet.as_secs(), 30, "no look at the processes");
    }

    #[test]
    fn a_short_sleep_of_the_machine_begins_the_count_anew_as_well() {
        let mut bench = Bench::new();
        assert_eq!(bench.after(30, |_, _| {}), 30);
        assert_eq!(bench.after(45, |sample, _| sample.slept_ms += 20_000), 0);
        assert_eq!(bench.after(30, |_, _| {}), 30);
    }

    #[test]
    fn a_file_that_changed_takes_the_quiet_back_to_its_change() {
        let mut bench = Bench::new();
        for _ in 0..4 {
            bench.after(30, |_, _| {});
        }
        let now = bench.sample.at.wall;
        let quiet = bench.watch.file_changed("a.rs".to_owned(), Duration::from_secs(50), now);
        assert_eq!((quiet.quiet.as_secs(), quiet.since), (50, Wall(70_000)));
        let older = bench.watch.file_changed("b.rs".to_owned(), Duration::from_secs(500), now);
        assert_eq!((older.quiet.as_secs(), older.by), (50, Some(Evidence::File("a.rs".to_owned()))));
    }

    #[test]
    fn the_sampler_is_slow_but_meets_the_limit() {
        for (limit, every) in [(10, 2_500), (60, 15_000), (900, 30_000), (1, 2_000)] {
            assert_eq!(sample_every(Duration::from_secs(limit)).as_millis(), every);
        }
    }

    proptest! {
        /// Whatever happens: the quiet is never longer than the time since the last work, nor than what was watched.
        #[test]
        fn the_quiet_is_never_overestimated(steps in prop::collection::vec((1..200_u64, any::<bool>(), any::<bool>()), 1..60)) {
            let mut bench = Bench::new();
            let (mut since_work, mut watched) = (0, 0);
            for (seconds, works, draws) in steps {
                since_work = if works { 0 } else { since_work + seconds };
                watched += if seconds <= STEP_MAX.as_secs() { seconds } else { 0 };
                let quiet = bench.after(seconds, |sample, tree| {
                    tree.cpu_ms += if works { seconds * 500 } else { 0 };
                    sample.bytes += if draws { seconds * 100 } else { 0 };
                });
                prop_assert!(quiet <= since_work, "{quiet} > {since_work}");
                prop_assert!(quiet <= watched);
            }
        }

        /// A program that does nothing is found: the quiet grows with every watched step.
        #[test]
        fn a_stuck_program_is_always_found(steps in prop::collection::vec(1..=60_u64, 1..60)) {
            let mut bench = Bench::new();
            let mut sum = 0;
            for seconds in steps {
                sum += seconds;
                prop_assert_eq!(bench.after(seconds, |_, _| {}), sum);
            }
        }
    }
}
