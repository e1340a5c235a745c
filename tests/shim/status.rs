//! The recorder answers for the terminal when the program asks whether it may report its status.

use crate::harness::{Bed, sh, until};

const ANSWER: &str = "]7501;?:states=idle,working,done,blocked,error:kinds=permission,question,auth";

/// Asks, and prints whatever is typed within the time as text, without its controls.
fn asking(settings: &str, seconds: &str) -> String {
    format!(
        "stty {settings}; printf 'asked\\033]7501;?\\007\\033[c'; IFS= read -r -t {seconds} -d x answer; \
         stty sane; printf '\\ngot:%s:end\\n' \"$answer\" | tr -d '\\033\\007'"
    )
}

fn bash(script: &str) -> Bed {
    Bed::new(&["bash", "--norc", "--noprofile", "-c", script])
}

fn log(bed: &Bed) -> String {
    String::from_utf8_lossy(&bed.log()).into_owned()
}

#[test]
fn an_agent_that_asks_is_answered_and_the_log_has_what_it_wrote() {
    let mut bed = bash(&asking("raw -echo", "20"));
    bed.spec.answers_status = true;
    let mut shim = bed.start();
    bed.until_log_has("asked");
    // What a terminal answers to the question behind it, and what ends the reading.
    until("the question", || shim.screen().contains("\x1b[c"));
    shim.keys(b"\x1b[?1;2cx");
    shim.wait();
    let log = log(&bed);
    assert!(log.starts_with("asked\x1b]7501;?\x07\x1b[c"), "byte by byte as it was written: {log:?}");
    assert!(log.contains(&format!("got:{ANSWER}[?1;2c:end")), "once, and before what came next: {log:?}");
}

#[test]
fn nobody_else_is_answered() {
    for (settings, answers) in [("raw -echo", false), ("sane", true), ("-icanon", true)] {
        let mut bed = bash(&asking(settings, "0.4"));
        bed.spec.answers_status = answers;
        bed.run();
        let log = log(&bed);
        assert!(log.contains("got::end"), "{settings}, {answers}: {log:?}");
        assert!(!log.contains("states="), "{settings}, {answers}: {log:?}");
    }
}

#[test]
fn a_program_in_front_of_the_agent_is_not_answered() {
    // With job control its children have the terminal in groups of their own.
    let script =
        format!("set -m; bash --norc --noprofile -c {} & fg >/dev/null", shell_word(&asking("raw -echo", "0.4")));
    let mut bed = bash(&script);
    bed.spec.answers_status = true;
    bed.run();
    assert!(log(&bed).contains("got::end"), "{:?}", log(&bed));
}

fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn a_spec_of_before_does_not_ask_for_it() {
    let bed = Bed::new(&sh("true"));
    let mut spec = serde_json::to_value(&bed.spec).unwrap();
    spec.as_object_mut().unwrap().remove("answers_status");
    let spec: nightkeep::recording::spec::Spec = serde_json::from_value(spec).unwrap();
    assert!(!spec.answers_status);
}
