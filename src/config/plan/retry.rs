//! `retry`: its ranges, its defaults, and what its words for failures mean.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw::{FailureWord, Retry};
use super::super::schema;
use super::super::suggest;
use super::super::units::show_duration;
use super::{Build, Layers};
use crate::core::exit::FailureClass;
use crate::core::plan::{FailureMatch, RetryPolicy};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use std::time::Duration;

/// From the first polite request to the last `SIGKILL`, when the file does not say.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// Longest `stop_grace`: a night must be able to end.
const STOP_GRACE_MAX: Duration = Duration::from_secs(3600);

/// The policy of a session, key by key from its own `retry`, that of `[defaults]` and the built-in one.
pub(super) fn policy(
    build: &mut Build<'_, '_>,
    layers: &Layers<'_>,
    timeout: Option<&(Duration, Place)>,
) -> RetryPolicy {
    let builtin = RetryPolicy::default();
    let initial = pick(layers, "initial_delay", |r| r.initial_delay.as_ref());
    let max = pick(layers, "max_delay", |r| r.max_delay.as_ref());
    let initial_delay = initial.as_ref().map_or(builtin.initial_delay, |(d, _)| d.0);
    let max_delay = match &max {
        Some((max, place)) => {
            if max.0 < initial_delay {
                let message =
                    format!("`max_delay` is less than `initial_delay`, which is {}", show_duration(initial_delay));
                build.problems.error(place, message);
            }
            max.0
        }
        // A long first delay alone is clear enough: the largest is then no shorter.
        None => builtin.max_delay.max(initial_delay),
    };
    let min_uptime = pick(layers, "min_uptime", |r| r.min_uptime.as_ref());
    if let Some((uptime, place)) = &min_uptime
        && let Some((timeout, _)) = timeout
        && *timeout < uptime.0
    {
        let message = format!(
            "`min_uptime` is more than `timeout`, which is {}: every attempt would be a quick one",
            show_duration(*timeout)
        );
        build.problems.error(place, message);
    }
    let min_uptime = min_uptime.map_or(builtin.min_uptime, |(d, _)| d.0);
    let (crash_loop_count, crash_loop_window) = pick(layers, "crash_loop", |r| r.crash_loop.as_ref())
        .map_or((builtin.crash_loop_count, builtin.crash_loop_window), |(c, _)| c.0);
    let value = |picked: Option<(Vec<FailureMatch>, Place)>| picked.map(|(list, _)| list).unwrap_or_default();
    let retry_on = failures(build, layers, "retry_on", |r| r.retry_on.as_deref());
    let never_on = failures(build, layers, "never_on", |r| r.never_on.as_deref());
    if let Some((list, place)) = &never_on
        && let Some((retried, _)) = &retry_on
        && let Some(both) = list.iter().position(|f| retried.contains(f))
    {
        build.problems.warning(&place.item(both), "it stands in `retry_on` too; `never_on` wins");
    }
    RetryPolicy {
        max_attempts: pick(layers, "max_attempts", |r| r.max_attempts).map_or(builtin.max_attempts, |(n, _)| n),
        initial_delay,
        multiplier: pick(layers, "multiplier", |r| r.multiplier).map_or(builtin.multiplier, |(n, _)| n),
        max_delay,
        jitter: pick(layers, "jitter", |r| r.jitter).map_or(builtin.jitter, |(j, _)| j),
        reset_after: pick(layers, "reset_after", |r| r.reset_after.as_ref()).map_or(builtin.reset_after, |(d, _)| d.0),
        min_uptime,
        crash_loop_count,
        crash_loop_window,
        on_crash_loop: pick(layers, "on_crash_loop", |r| r.on_crash_loop).map_or(builtin.on_crash_loop, |(w, _)| w),
        retry_on: value(retry_on),
        never_on: value(never_on),
        hard_cap_starts: pick(layers, "hard_cap_starts", |r| r.hard_cap_starts)
            .map_or(builtin.hard_cap_starts, |(n, _)| n),
    }
}

/// `stop_grace`, which may stand in the session or in its `retry`.
pub(super) fn stop_grace(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Duration {
    let mut found = None;
    for (session, place) in layers.both() {
        let own = session.stop_grace.as_ref().map(|d| (d.0, place.key("stop_grace")));
        let inner = session.retry.as_ref().and_then(|r| r.stop_grace.as_ref());
        let inner = inner.map(|d| (d.0, place.key("retry").key("stop_grace")));
        if let (Some(_), Some((_, place))) = (&own, &inner) {
            build.problems.error_in_key(place, "`stop_grace` is given twice for the session").help("keep one of them");
        }
        found = found.or(own).or(inner);
    }
    let Some((grace, place)) = found else { return STOP_GRACE };
    if grace > STOP_GRACE_MAX {
        build.problems.error(&place, format!("`stop_grace` can be at most {}", show_duration(STOP_GRACE_MAX)));
    }
    grace
}

fn pick<'a, T>(layers: &Layers<'a>, key: &str, get: impl Fn(&'a Retry) -> Option<T>) -> Option<(T, Place)> {
    let (value, place) = layers.pick("retry", |s| s.retry.as_ref().and_then(&get))?;
    Some((value, place.key(key)))
}

fn failures<'a>(
    build: &mut Build<'_, '_>,
    layers: &Layers<'a>,
    key: &str,
    get: impl Fn(&'a Retry) -> Option<&'a [FailureWord]>,
) -> Option<(Vec<FailureMatch>, Place)> {
    let (words, place) = pick(layers, key, get)?;
    let mut found = Vec::new();
    for (i, word) in words.iter().enumerate() {
        match failure(word) {
            Ok(failure) => found.push(failure),
            Err((message, hint)) => {
                build.problems.error(&place.item(i), message).maybe_help(hint);
            }
        }
    }
    Some((found, place))
}

const SIGNALS: [(&str, i32); 17] = [
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
];

fn failure(word: &FailureWord) -> Result<FailureMatch, (String, Option<String>)> {
    let word = match word {
        FailureWord::Code(code) => {
            let code = i32::try_from(*code).ok().filter(|code| (1..=255).contains(code));
            return code
                .map(FailureMatch::Code)
                .ok_or_else(|| ("an exit code that is a failure goes from 1 to 255".to_owned(), None));
        }
        FailureWord::Word(word) => word.as_str(),
    };
    if let Some(number) = word.strip_prefix("signal:") {
        let number = number.trim().parse::<i32>().ok().filter(|n| (1..=64).contains(n));
        let fault =
            || (format!("{} is no signal", quoted(word)), Some("signals go from 1 to 64, as in signal:9".to_owned()));
        return number.map(FailureMatch::Signal).ok_or_else(fault);
    }
    if let Some((_, number)) = SIGNALS.iter().find(|(name, _)| *name == word) {
        return Ok(FailureMatch::Signal(*number));
    }
    let class: Result<FailureClass, ValueError> = FailureClass::deserialize(word.into_deserializer());
    class.map(FailureMatch::Class).map_err(|_| {
        let classes = schema::words_of::<FailureClass>();
        let known = classes.iter().map(String::as_str).chain(SIGNALS.iter().map(|(name, _)| *name));
        let hint = match suggest::closest(word, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None if word.parse::<i32>().is_ok() => "an exit code is written without quotes".to_owned(),
            None => format!("use an exit code, a signal such as SIGKILL, or a class: {}", classes.join(", ")),
        };
        (format!("{} is neither a signal nor a failure class", quoted(word)), Some(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_codes_signals_or_classes() {
        let word = |text: &str| failure(&FailureWord::Word(text.into()));
        assert_eq!(failure(&FailureWord::Code(75)), Ok(FailureMatch::Code(75)));
        assert_eq!(word("SIGKILL"), Ok(FailureMatch::Signal(9)));
        assert_eq!(word("signal:9"), Ok(FailureMatch::Signal(9)));
        assert_eq!(word("oom_killed"), Ok(FailureMatch::Class(FailureClass::OomKilled)));
        assert!(failure(&FailureWord::Code(256)).is_err() && failure(&FailureWord::Code(0)).is_err());
        for (text, hint) in
            [("SIGKIL", "SIGKILL"), ("transiet", "transient"), ("75", "without quotes"), ("x", "a class")]
        {
            assert!(word(text).unwrap_err().1.unwrap().contains(hint), "{text}");
        }
        assert!(word("signal:99").is_err());
    }
}
