//! What transcripts tell, as they were measured, and what is made of broken and hostile ones.

use super::lines::{LINE_MAX, Lines};
use super::meter::Meter;
use super::places::{Claimant, Place, Span, Trace, hash, places, whose};
use super::prices::{LIST, OWN, Price, Prices, rates};
use super::{Agent, Note, Reader, Request, directory_in, opencode_message};
use crate::core::time::Wall;
use crate::core::usage::{DAYS_MAX, MODELS_MAX, Money, Tokens, Used};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// 2026-11-21T09:00:00Z.
const NINE: Wall = Wall(1_795_251_600_000);

fn wall(text: &str) -> Wall {
    super::moment(text).unwrap()
}

fn meter() -> Meter {
    Meter::new(NINE, TimeZone::UTC, Arc::new(Prices::default()))
}

fn read(agent: Agent, meter: &mut Meter, file: u32, text: &str) {
    let mut reader = Reader::new(agent, &TimeZone::UTC).unwrap();
    let mut lines = Lines::default();
    lines.feed(text.as_bytes(), |line| reader.line(line, &mut |note| meter.take(file, note)));
}

/// What a transcript of an agent that was started at nine comes to.
fn used(agent: Agent, text: &str) -> Option<Used> {
    let mut meter = meter();
    read(agent, &mut meter, 1, text);
    meter.used()
}

fn claude(id: &str, at: &str, output: u64) -> String {
    format!(
        r#"{{"type":"assistant","timestamp":"{at}","requestId":"req_{id}","sessionId":"s","cwd":"/w","message":{{"id":"msg_{id}","model":"claude-opus-5-5","content":[{{"type":"text","text":"usage"}}],"usage":{{"input_tokens":1234,"cache_creation_input_tokens":300,"cache_read_input_tokens":4000,"output_tokens":{output},"service_tier":"standard"}}}}}}"#
    ) + "\n"
}

const OF_CLAUDE: Tokens = Tokens { input: 1234, cache_read: 4000, cache_write: 300, output: 42 };

#[test]
fn the_list_knows_what_nine_o_clock_is() {
    assert_eq!(wall("2026-11-21T09:00:00Z"), NINE);
}

#[test]
fn claude_has_a_line_for_each_part_of_a_reply_and_its_own_figure_agrees_with_the_list() {
    let parts = [7, 42, 42].map(|output| claude("a", "2026-11-21T09:26:10.2Z", output)).concat();
    let seen = used(Agent::Claude, &parts).unwrap();
    let sum = seen.total();
    assert_eq!((sum.tokens, sum.requests, sum.unpriced), (OF_CLAUDE, 1, 0));
    assert_eq!(sum.cost, Money(8_076_000), "the price list");
    assert_eq!((seen.own, seen.prices.as_str()), (None, LIST));
    assert_eq!(seen.days.keys().collect::<Vec<_>>(), ["2026-11-21"]);
    let with_own = parts + "{\"type\":\"cost-state\",\"totalCostUSD\":0.008076,\"modelUsage\":{}}\n";
    let seen = used(Agent::Claude, &with_own).unwrap();
    assert_eq!((seen.own, seen.total().cost), (Some(Money(8_076_000)), Money(8_076_000)));
}

#[test]
fn an_own_figure_counts_only_while_it_holds_all_and_nothing_else() {
    let own = "{\"type\":\"cost-state\",\"totalCostUSD\":5.0}\n";
    let new = claude("b", "2026-11-21T09:26:10Z", 42);
    let more = claude("c", "2026-11-21T09:27:10Z", 42);
    assert_eq!(used(Agent::Claude, &(new.clone() + own)).unwrap().own, Some(Money(5_000_000_000)));
    let after = used(Agent::Claude, &(new.clone() + own + &more)).unwrap();
    assert_eq!((after.own, after.total().cost), (None, Money(16_152_000)), "a request came after it");
    let older = claude("a", "2026-11-21T08:00:00Z", 42);
    let resumed = used(Agent::Claude, &(older + own + &new + own)).unwrap();
    assert_eq!((resumed.own, resumed.total().requests), (None, 1), "it holds what another attempt used");
    let mut meter = meter();
    read(Agent::Claude, &mut meter, 1, &(new + own));
    read(Agent::Claude, &mut meter, 2, &more);
    assert_eq!(meter.used().unwrap().own, None, "of two sessions it is one's");
}

#[test]
fn a_helper_s_transcript_is_part_of_the_session_s_own_figure() {
    let mut meter = meter();
    meter.is_side(2);
    read(Agent::Claude, &mut meter, 2, &claude("h", "2026-11-21T09:26:10Z", 1));
    let main = claude("m", "2026-11-21T09:26:20Z", 1) + "{\"type\":\"cost-state\",\"totalCostUSD\":1.5}\n";
    read(Agent::Claude, &mut meter, 1, &main);
    let seen = meter.used().unwrap();
    assert_eq!((seen.total().requests, seen.total().cost), (2, Money(1_500_000_000)));
}

#[test]
fn what_was_before_the_attempt_is_another_one_s_even_when_it_is_copied() {
    let old = claude("a", "2026-11-21T08:59:00Z", 42);
    assert_eq!(used(Agent::Claude, &old), None, "nothing known is not 0");
    let both = used(Agent::Claude, &(old.clone() + &claude("b", "2026-11-21T09:00:01Z", 42) + &old)).unwrap();
    assert_eq!(both.total().requests, 1);
}

#[test]
fn the_program_s_own_words_in_the_place_of_a_reply_use_nothing() {
    let line = r#"{"type":"assistant","timestamp":"2026-11-21T09:10:00Z","isApiErrorMessage":true,"error":"rate_limit","apiErrorStatus":429,"message":{"id":"x","model":"<synthetic>","usage":{"input_tokens":0,"output_tokens":0}}}"#;
    assert_eq!(used(Agent::Claude, &format!("{line}\n")), None);
    let quoted = r#"{"type":"user","timestamp":"2026-11-21T09:10:00Z","message":{"id":"q","model":"claude-opus-5-5","content":"\"usage\"","usage":{"input_tokens":999999}}}"#;
    assert_eq!(used(Agent::Claude, &format!("{quoted}\n")), None);
}

fn codex(at: &str, total: (u64, u64, u64), last: (u64, u64, u64)) -> String {
    let usage = |(input, cached, output): (u64, u64, u64)| {
        format!(
            r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output},"reasoning_output_tokens":7,"total_tokens":{}}}"#,
            input + output
        )
    };
    format!(
        r#"{{"timestamp":"{at}","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{},"last_token_usage":{}}},"rate_limits":null}}}}"#,
        usage(total),
        usage(last)
    ) + "\n"
}

const CODEX_HEAD: &str = concat!(
    r#"{"timestamp":"2026-11-21T09:26:00Z","type":"session_meta","payload":{"id":"u1","cwd":"/w"}}"#,
    "\n",
    r#"{"timestamp":"2026-11-21T09:26:00Z","type":"turn_context","payload":{"cwd":"/w","model":"gpt-5.2-codex"}}"#,
    "\n",
);

#[test]
fn codex_counts_the_whole_session_so_a_request_is_what_it_grew_by() {
    let first = codex("2026-11-21T09:26:10Z", (1234, 1000, 42), (1234, 1000, 42));
    let again = codex("2026-11-21T09:26:11Z", (1234, 1000, 42), (1234, 1000, 42));
    let second = codex("2026-11-21T09:27:10Z", (3234, 2500, 100), (2000, 1500, 58));
    let seen = used(Agent::Codex, &format!("{CODEX_HEAD}{first}{again}{second}")).unwrap();
    let sum = seen.models.get("gpt-5.2-codex").copied().unwrap();
    assert_eq!(sum.tokens, Tokens { input: 734, cache_read: 2500, cache_write: 0, output: 100 });
    assert_eq!(sum.requests, 2);
    // 734 x 1.75 + 2500 x 0.175 + 100 x 14 dollars a million.
    assert_eq!(sum.cost, Money(3_122_000));
}

#[test]
fn a_codex_session_that_goes_on_counts_from_where_it_was() {
    let old = codex("2026-11-21T08:00:00Z", (100_000, 0, 900), (100, 0, 9));
    let new = codex("2026-11-21T09:27:10Z", (102_000, 1_000, 950), (2_000, 1_000, 50));
    let seen = used(Agent::Codex, &format!("{CODEX_HEAD}{old}{new}")).unwrap();
    assert_eq!(seen.total().tokens, Tokens { input: 1_000, cache_read: 1_000, cache_write: 0, output: 50 });
    let copied = used(Agent::Codex, &format!("{CODEX_HEAD}{new}")).unwrap();
    assert_eq!(copied.total().tokens, seen.total().tokens, "what stands before it in another file is not its own");
}

#[test]
fn a_codex_file_that_begins_anew_is_not_counted_twice() {
    let first = codex("2026-11-21T09:26:10Z", (1000, 0, 10), (1000, 0, 10));
    let second = codex("2026-11-21T09:27:10Z", (2000, 0, 20), (1000, 0, 10));
    let third = codex("2026-11-21T09:28:10Z", (3000, 0, 30), (1000, 0, 10));
    let mut reader = Reader::new(Agent::Codex, &TimeZone::UTC).unwrap();
    let mut meter = meter();
    let mut feed = |reader: &mut Reader, text: &str| {
        Lines::default().feed(text.as_bytes(), |line| reader.line(line, &mut |note| meter.take(1, note)));
        meter.used().unwrap().total().tokens.total()
    };
    assert_eq!(feed(&mut reader, &format!("{CODEX_HEAD}{first}{second}")), 2020);
    reader.begins_anew();
    assert_eq!(feed(&mut reader, &format!("{CODEX_HEAD}{first}{second}{third}")), 3030);
    reader.begins_anew();
    let other = CODEX_HEAD.replace("\"u1\"", "\"u2\"");
    assert_eq!(feed(&mut reader, &format!("{other}{first}")), 3030, "a copy of it holds it again");
    reader.begins_anew();
    let (other, late) = (other.replace("u2", "u3"), first.replace("09:26:10", "09:29:10"));
    assert_eq!(feed(&mut reader, &format!("{other}{late}")), 4040, "another session in its place is new");
}

#[test]
fn of_a_gemini_message_the_last_word_counts() {
    let line = |output: u64| {
        format!(
            r#"{{"id":"m1","timestamp":"2026-11-21T09:26:10Z","type":"gemini","content":"x","tokens":{{"input":1234,"output":{output},"cached":1000,"thoughts":7,"tool":0,"total":{}}},"model":"gemini-2.5-flash"}}"#,
            1234 + output
        ) + "\n"
    };
    let text = format!("{}{}{}\n", line(5), line(42), r#"{"$set":{"lastUpdated":"2026-11-21T09:26:11Z"}}"#);
    let sum = used(Agent::Gemini, &text).unwrap().total();
    assert_eq!(sum.tokens, Tokens { input: 234, cache_read: 1000, cache_write: 0, output: 42 });
    assert_eq!(sum.requests, 1);
    let apart = text.replace("\"total\":1276", "\"total\":1283");
    assert_eq!(used(Agent::Gemini, &apart).unwrap().total().tokens.output, 49, "thoughts that are not in it yet");
    let patched = r#"{"$set":{"messages":[{"id":"m9","timestamp":"2026-11-21T09:26:10Z","tokens":{"input":10,"output":5,"total":15},"model":"gemini-2.5-flash"}]}}"#;
    assert_eq!(used(Agent::Gemini, &format!("{patched}\n")).unwrap().total().tokens.total(), 15);
}

#[test]
fn opencode_says_what_it_costs_where_it_knows_it() {
    let data = r#"{"role":"assistant","cost":0.001332,"tokens":{"total":1276,"input":234,"output":42,"reasoning":0,"cache":{"read":1000,"write":0}},"modelID":"some-model","providerID":"fake","time":{"created":1795253170000},"path":{"cwd":"/w","root":"/"},"finish":"stop"}"#;
    let (request, dir) = opencode_message("msg_1", data).unwrap();
    assert_eq!(
        (dir.as_deref(), request.cost, request.at),
        (Some("/w"), Some(Money(1_332_000)), Some(Wall(1_795_253_170_000)))
    );
    assert_eq!(request.tokens, Tokens { input: 234, cache_read: 1000, cache_write: 0, output: 42 });
    let free = data.replace("0.001332", "0");
    let mut meter = meter();
    meter.take(0, Note::Request(opencode_message("msg_2", &free).unwrap().0));
    let sum = meter.used().unwrap().total();
    assert_eq!((sum.known_cost(), sum.unpriced), (None, 1276), "0 is no price, and the list does not know the model");
    assert_eq!(opencode_message("u", r#"{"role":"user","tokens":{"input":5}}"#), None);
    assert_eq!(opencode_message("u", "{"), None);
}

#[test]
fn aider_s_rounded_numbers_are_told_as_such() {
    let text = "\n# aider chat started at 2026-11-21 08:00:00\n\n> Main model: gpt-5.5 with diff edit format\n> Tokens: 9k sent, 1k received.\n\
        \n# aider chat started at 2026-11-21 09:26:10\n\n> Main model: gpt-5.5 with diff edit format\n#### do it\n\
        > Tokens: 2.5k sent, 1k cache write, 500 cache hit, 11 received. Cost: $0.0125 message, $0.0125 session.\nTokens: 7k sent, 8k received.\n";
    let seen = used(Agent::Aider, text).unwrap();
    let sum = seen.models.get("gpt-5.5").copied().unwrap();
    assert_eq!(sum.tokens, Tokens { input: 1000, cache_read: 500, cache_write: 1000, output: 11 });
    assert_eq!((sum.requests, sum.cost, seen.rounded, seen.prices.as_str()), (1, Money(12_500_000), true, ""));
    let mut meter = meter();
    let mut reader = Reader::new(Agent::Aider, &TimeZone::UTC).unwrap();
    for _ in 0..2 {
        Lines::default().feed(text.as_bytes(), |line| reader.line(line, &mut |note| meter.take(1, note)));
        reader.begins_anew();
    }
    assert_eq!(meter.used().unwrap().total().requests, 1, "read again it is the same chat");
}

#[test]
fn numbers_that_are_none_count_as_nothing_and_absurd_ones_not_at_all() {
    let line = |usage: &str| {
        format!(
            r#"{{"type":"assistant","timestamp":"2026-11-21T09:26:10Z","message":{{"id":"x{}","model":"m","usage":{usage}}}}}"#,
            usage.len()
        ) + "\n"
    };
    for (usage, total) in [
        (r#"{"input_tokens":-5,"output_tokens":3}"#, Some(3)),
        (r#"{"input_tokens":2.9,"output_tokens":3}"#, Some(5)),
        (r#"{"input_tokens":null,"output_tokens":"7"}"#, None),
        (r#"{"input_tokens":{"a":[1]},"output_tokens":[1,2]}"#, None),
        (r#"{"input_tokens":{"a":[1]},"output_tokens":6}"#, Some(6)),
        (r#"{"input_tokens":true,"output_tokens":4}"#, Some(4)),
        (r#"{"input_tokens":1e300,"output_tokens":3}"#, None),
        (r#"{"input_tokens":18446744073709551615,"output_tokens":18446744073709551615}"#, None),
        (r#"{"input_tokens":100000001}"#, None),
        ("[]", None),
        ("7", None),
    ] {
        let seen = used(Agent::Claude, &line(usage)).map(|used| used.total().tokens.total());
        assert_eq!(seen, total, "{usage}");
    }
}

#[test]
fn times_out_of_this_world_neither_break_nor_hide_anything() {
    let far = used(Agent::Claude, &claude("a", "2099-01-01T00:00:00Z", 42)).unwrap();
    assert_eq!(far.total().requests, 1);
    assert_eq!(used(Agent::Claude, &claude("a", "1970-01-01T00:00:00Z", 42)), None);
    let none = claude("a", "not a time", 42);
    assert_eq!(used(Agent::Claude, &none).unwrap().total().requests, 1, "a line without a time is where it stands");
    let ordered = claude("b", "2026-11-21T09:30:00Z", 42) + &claude("a", "2026-11-21T09:20:00Z", 42);
    assert_eq!(used(Agent::Claude, &ordered).unwrap().total().requests, 2, "order does not matter");
}

#[test]
fn models_days_and_names_are_bounded() {
    let mut meter = meter();
    for n in 0..1_000_u64 {
        let at = Some(Wall(NINE.0 + i64::try_from(n).unwrap() * 86_400_000));
        let model = format!("model\u{1b}[31m-{n}-{}", "x".repeat(300));
        let tokens = Tokens { input: 1, ..Tokens::default() };
        meter.take(1, Note::Request(Request { at, model, tokens, ..Request::default() }));
    }
    let seen = meter.used().unwrap();
    assert_eq!((seen.models.len(), seen.days.len()), (MODELS_MAX, DAYS_MAX));
    assert_eq!(seen.total().tokens.input, 1_000, "what is put together is still counted");
    let of_days: u64 = seen.by_day().iter().map(|(_, sum)| sum.tokens.input).sum();
    assert_eq!(of_days, 1_000);
    assert!(seen.models.keys().all(|name| name.chars().count() <= 80 && !name.contains('\u{1b}')));
}

#[test]
fn lines_are_put_together_and_one_without_end_is_left_out() {
    let mut lines = Lines::default();
    let mut seen: Vec<String> = Vec::new();
    let mut feed = |lines: &mut Lines, text: &[u8]| {
        lines.feed(text, |line| seen.push(String::from_utf8_lossy(&line[..line.len().min(9)]).into_owned()));
    };
    feed(&mut lines, b"a");
    feed(&mut lines, b"b\ncd\n\ne");
    let much = vec![b'x'; LINE_MAX / 2];
    for _ in 0..5 {
        feed(&mut lines, &much);
    }
    feed(&mut lines, b"\nf\ng");
    assert_eq!(lines.left_out, 1);
    lines.finish(|line| assert_eq!(line, b"g"));
    assert_eq!(seen, ["ab", "cd", "", "f"]);
}

#[test]
fn a_model_is_known_by_its_name_alone_and_never_by_a_similar_one() {
    let prices = Prices::default();
    let tokens = Tokens { input: 1_000_000, ..Tokens::default() };
    let cost = |model: &str| {
        prices.cost(&Request { model: model.to_owned(), tokens, ..Request::default() }).map(|(cost, _)| cost.usd())
    };
    for model in [
        "claude-opus-5-5",
        "Claude-Opus-5-5",
        "claude-opus-5-5-20261001",
        "claude-opus-5-5[1m]",
        "claude-opus-5-5@20261001",
        "anthropic/claude-opus-5-5",
        "openrouter/anthropic/claude-opus-5-5",
        "us.anthropic.claude-opus-5-5-20261001-v1:0",
    ] {
        assert_eq!(cost(model), Some(4.0), "{model}");
    }
    for model in
        ["claude-opus-5-6", "claude-opus", "gpt-5.5-turbo-x", "", "20261001", "local/llama", "claude-opus-5-5-fast"]
    {
        assert_eq!(cost(model), None, "{model}");
    }
    assert_eq!(cost("gpt-5.5-2026-04-23"), Some(10.0), "above 272,000 tokens it is dearer");
}

#[test]
fn prices_of_the_user_come_first_and_a_cache_costs_what_sending_costs_where_they_do_not_say() {
    let own = Price { rates: rates(Money(1_000_000_000), Money(2_000_000_000), None, None, None), long: None };
    let prices = Prices::new([("My-Model".to_owned(), own), ("gpt-5.5".to_owned(), own)]);
    let tokens = Tokens { input: 1_000_000, cache_read: 1_000_000, cache_write: 1_000_000, output: 1_000_000 };
    for model in ["my-model", "MY-MODEL", "gpt-5.5", "openai/gpt-5.5"] {
        let request = Request { model: model.to_owned(), tokens, ..Request::default() };
        assert_eq!(prices.cost(&request), Some((Money(5_000_000_000), OWN)), "{model}");
    }
}

#[test]
fn what_is_kept_for_an_hour_is_dearer() {
    let prices = Prices::default();
    let tokens = Tokens { cache_write: 1_000_000, ..Tokens::default() };
    let cost = |kept_long| {
        let request = Request { model: "claude-opus-5-5".to_owned(), tokens, kept_long, ..Request::default() };
        prices.cost(&request).unwrap().0.usd()
    };
    assert_eq!((cost(0), cost(1_000_000), cost(9_000_000)), (5.0, 8.0, 8.0));
}

#[test]
fn transcripts_are_where_the_environment_says() {
    let env = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let home = env(&[("HOME", "/home/anna")]);
    let dir = Path::new("/home/anna/my_proj.x");
    let folder = |dir: &str| Place::Folder { dir: PathBuf::from(dir), ends: ".jsonl", helpers: Some("subagents") };
    assert_eq!(places(Agent::Claude, &home, dir), [folder("/home/anna/.claude/projects/-home-anna-my-proj-x")]);
    let moved = env(&[("HOME", "/home/anna"), ("CLAUDE_CONFIG_DIR", "/c"), ("CODEX_HOME", "/x")]);
    assert_eq!(places(Agent::Claude, &moved, dir), [folder("/c/projects/-home-anna-my-proj-x")]);
    assert_eq!(places(Agent::Codex, &moved, dir), [Place::Days { dir: "/x/sessions".into(), ends: ".jsonl" }]);
    assert_eq!(
        places(Agent::Opencode, &home, dir),
        [Place::Database("/home/anna/.local/share/opencode/opencode.db".into())]
    );
    assert!(places(Agent::Aider, &home, dir).contains(&Place::File("/home/anna/.aider.chat.history.md".into())));
    assert_eq!(places(Agent::Claude, &env(&[]), dir), [], "without a home nobody knows");
    assert_eq!(hash("/w").len(), 64);
}

#[test]
fn a_transcript_is_theirs_who_ran_when_it_began() {
    let minute = |n: i64| Wall(NINE.0 + n * 60_000);
    let span = |from, to: Option<i64>| Span { from: minute(from), to: to.map(minute) };
    let trace = |began, written, name| Trace { began: minute(began), written: minute(written), name };
    let nobody = |spans: &[Span]| -> Vec<Claimant<'_>> {
        spans.iter().map(|span| Claimant { span: *span, conversation: None }).collect()
    };
    let one = |began, written, attempts: &[Span]| whose(&[trace(began, written, "x.jsonl")], &nobody(attempts))[0];
    let two = [span(0, None), span(10, None)];
    assert_eq!(one(1, 30, &two), Some((0, false)), "the other one was not there yet");
    assert_eq!(one(11, 30, &two), Some((1, true)), "either may have begun it");
    let after_another = [span(0, Some(5)), span(6, None)];
    assert_eq!(one(1, 4, &after_another), Some((0, false)));
    assert_eq!(one(1, 20, &after_another), Some((1, false)), "it goes on with it");
    assert_eq!(one(-60, 20, &after_another), Some((1, false)));
    assert_eq!(one(-60, -50, &after_another), None);
    assert_eq!(one(0, 1, &[]), None);
    let at_once = [span(0, None), span(0, None)];
    let files = [trace(1, 30, "a"), trace(1, 30, "b"), trace(2, 30, "c")];
    let owners: Vec<usize> = whose(&files, &nobody(&at_once)).into_iter().map(|owner| owner.unwrap().0).collect();
    assert_eq!(owners, [1, 0, 1], "each has one before any has two");
}

#[test]
fn a_transcript_that_is_named_by_a_conversation_is_surely_theirs() {
    let minute = |n: i64| Wall(NINE.0 + n * 60_000);
    let claimant = |from, to: Option<i64>, id| Claimant {
        span: Span { from: minute(from), to: to.map(minute) },
        conversation: Some(id),
    };
    let (a, b) = ("3de864a6-0762-4e5a-a8ba-9a13f5715afe", "50a0562a-40bb-438f-8719-f9d2f756bff8");
    let trace = |began, written, name| Trace { began: minute(began), written: minute(written), name };
    let files = [
        trace(1, 30, "50a0562a-40bb-438f-8719-f9d2f756bff8.jsonl"),
        trace(1, 30, "3de864a6-0762-4e5a-a8ba-9a13f5715afe.jsonl"),
        trace(5, 30, "aaaaaaaa-0762-4e5a-a8ba-9a13f5715afe.jsonl"),
    ];
    let both = [claimant(0, None, a), claimant(0, None, b)];
    assert_eq!(whose(&files, &both), [Some((1, false)), Some((0, false)), Some((1, true))]);
    let new = [claimant(0, None, a), claimant(0, None, "another")];
    assert_eq!(whose(&files[1..], &new), [Some((0, false)), Some((1, true))], "the other is who has none yet");
    // Taken up again, it goes on in the same file; another session runs all the time.
    let again = [claimant(0, Some(10), a), claimant(20, None, a), claimant(0, None, b)];
    assert_eq!(whose(&[trace(1, 8, files[1].name)], &again), [Some((0, false))]);
    assert_eq!(whose(&[trace(1, 30, files[1].name)], &again), [Some((1, false))]);
    assert_eq!(whose(&[trace(-90, -80, files[1].name)], &again), [Some((1, false))], "whatever the clock says");
    let rollout = "rollout-2026-11-21T10-00-00-3de864a6-0762-4e5a-a8ba-9a13f5715afe.jsonl";
    assert_eq!(whose(&[trace(1, 8, rollout)], &both), [Some((0, false))]);
}

#[test]
fn the_directory_is_what_stands_first() {
    let head = br#"{"type":"session_meta","payload":{"id":"u","cwd":"/home/anna/a \"b\"","instructions":"..."#;
    assert_eq!(directory_in(head).as_deref(), Some("/home/anna/a \"b\""));
    assert_eq!(directory_in(br#"{"cwd":7,"x":{"cwd" : "/w"}}"#).as_deref(), Some("/w"));
    assert_eq!(directory_in(br#"{"cwd":"/w"#), None);
    assert_eq!(directory_in(b"\"cwd\""), None);
    assert_eq!(directory_in(b""), None);
}

proptest! {
    /// Whatever stands in a transcript and however it is cut, it is read without fail, and reading it in pieces gives what
    /// reading it at once gives.
    #[test]
    fn any_bytes_in_any_pieces_give_the_same(
        pieces in proptest::collection::vec(prop_oneof![
            Just(claude("a", "2026-11-21T09:26:10Z", 42).into_bytes()),
            Just(claude("b", "2026-11-21T09:27:10Z", 1).into_bytes()),
            Just(codex("2026-11-21T09:26:10Z", (1000, 0, 10), (1000, 0, 10)).into_bytes()),
            Just(b"> Tokens: 2.5k sent, 11 received.\n# aider chat started at 2026-11-21 09:26:10\n".to_vec()),
            Just(b"{\"tokens\":{\"input\":1,\"output\":2},\"id\":\"g\"}\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..60),
        ], 0..12),
        cuts in proptest::collection::vec(0..2_000_usize, 0..8),
    ) {
        let whole = pieces.concat();
        for agent in [Agent::Claude, Agent::Codex, Agent::Gemini, Agent::Aider] {
            let run = |cuts: &[usize]| {
                let (mut meter, mut lines) = (meter(), Lines::default());
                let mut reader = Reader::new(agent, &TimeZone::UTC).unwrap();
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (whole.len() + 1)).chain([whole.len()]).collect();
                cuts.sort_unstable();
                let mut from = 0;
                for to in cuts {
                    lines.feed(&whole[from..to], |line| reader.line(line, &mut |note| meter.take(1, note)));
                    from = to;
                }
                meter.used()
            };
            prop_assert_eq!(run(&cuts), run(&[]));
        }
    }
}

/// The requests of the last minute, when it is a minute past nine: all of them, and those that brought nothing.
fn asked(agent: Agent, text: &str) -> (u64, u64) {
    let mut meter = meter();
    read(agent, &mut meter, 1, text);
    let minute = meter.pace(Wall(NINE.0 + 60_000)).minutes[0];
    (minute.requests, minute.fruitless)
}

#[test]
fn requests_that_failed_are_known_as_such_and_cost_nothing() {
    let failed = r#"{"type":"assistant","timestamp":"2026-11-21T09:00:10Z","isApiErrorMessage":true,"error":"server_error","message":{"id":"x","model":"<synthetic>","usage":{"input_tokens":0,"output_tokens":0}}}"#;
    let again = |pause: &str| {
        format!(
            r#"{{"type":"system","subtype":"api_error","timestamp":"2026-11-21T09:00:11Z","error":{{"status":529}},"retryInMs":{pause},"retryAttempt":1,"maxRetries":10}}"#
        )
    };
    let talk = r#"{"type":"user","timestamp":"2026-11-21T09:00:12Z","message":{"content":"isApiErrorMessage \"api_error\" \"usage\""}}"#;
    let text = format!("{failed}\n{}\n{}\n{talk}\n", again("558.94"), again("4000"));
    assert_eq!(asked(Agent::Claude, &text), (3, 2), "who waits before it tries again is none");
    assert_eq!(used(Agent::Claude, &text), None, "nothing known is not 0");
    let parts = [1, 7, 42].map(|output| claude("a", "2026-11-21T09:00:20Z", output)).concat();
    assert_eq!(asked(Agent::Claude, &(text + &parts)), (4, 2), "a reply is one, whatever number of lines it has");

    let codex = r#"{"timestamp":"2026-11-21T09:00:10Z","type":"event_msg","payload":{"type":"stream_error","message":"stream disconnected"}}
{"timestamp":"2026-11-21T09:00:11Z","type":"event_msg","payload":{"type":"task_complete","last_agent_message":null,"error":{"message":"x","codex_error_info":"other"}}}
{"timestamp":"2026-11-21T09:00:12Z","type":"event_msg","payload":{"type":"task_complete","last_agent_message":"done","error":null}}
"#;
    assert_eq!(asked(Agent::Codex, codex), (2, 2));
}

#[test]
fn opencode_s_messages_without_a_result_are_requests_too_unless_they_go_on() {
    let message = |more: &str| {
        let data = format!(
            r#"{{"role":"assistant","tokens":{{"input":0,"output":0,"reasoning":0,"cache":{{"read":0,"write":0}}}},"time":{{"created":1{more}}}}}"#
        );
        opencode_message("m", &data).map(|(request, _)| request.empty)
    };
    assert_eq!(message(""), None, "it goes on");
    assert_eq!(message(",\"completed\":9"), Some(true));
    let failed = r#"{"role":"assistant","error":{"name":"UnknownError"},"time":{"created":1}}"#;
    assert_eq!(opencode_message("m", failed).map(|(request, _)| request.empty), Some(true));
    let summary = r#"{"role":"assistant","summary":true,"tokens":{"input":900,"output":200},"time":{"created":1}}"#;
    let (request, _) = opencode_message("m", summary).unwrap();
    assert_eq!((request.empty, request.tokens.total()), (true, 1_100), "it costs, and brings nothing new");
    let work = summary.replace("true", "{\"diffs\":[]}");
    assert!(!opencode_message("m", &work).unwrap().0.empty);
}
