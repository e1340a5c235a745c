//! A conversation that talks about limits and questions is neither: what other recordings end with is put into the mouth
//! of a model, on the screens of agents that are done or at work.

use super::recordings::{self, Recording};
use jiff::tz::TimeZone;
use nightkeep::agents::fuse::fuse;
use nightkeep::agents::profile;
use nightkeep::agents::rules::{Place, signs};
use nightkeep::agents::screen::{Row, Snapshot};
use nightkeep::core::agent::{Activity, AgentSeen};
use nightkeep::core::time::Wall;
use nightkeep::terminal::emulator::Emulator;

fn screen(recording: &Recording) -> Snapshot {
    let mut emulator = Emulator::new(recording.size.0, recording.size.1, 0, true);
    emulator.feed(&recording.bytes);
    Snapshot::of(&emulator)
}

fn judged(agent: &str, shot: &Snapshot) -> AgentSeen {
    let place = Place { at: Wall(1_795_253_823_000), zone: TimeZone::UTC };
    fuse(agent, &signs(&profile::built_in(agent).unwrap(), shot, &place), place.at)
}

/// How the words of a model stand on the screen: before the first row, before the others, and in which colour.
fn spoken(agent: &str) -> (&'static str, &'static str, Option<&'static str>) {
    match agent {
        "claude" => ("● ", "  ", None),
        "codex" => ("• ", "  ", None),
        "gemini" => ("✦ ", "  ", None),
        "opencode" => ("     ", "     ", None),
        _ => ("", "", Some("0088ff")),
    }
}

/// The screen with the words of its model replaced by these rows.
fn saying(agent: &str, shot: &Snapshot, words: &[String]) -> Snapshot {
    let (first, others, color) = spoken(agent);
    let at = shot.rows.iter().position(|row| row.text.contains("DOGWATCH-OK")).expect("the model said something");
    let rows = words.iter().enumerate().map(|(i, row)| Row {
        text: format!("{}{}", if i == 0 { first } else { others }, row).trim_end().to_owned(),
        color: color.map(str::to_owned),
        lit: Vec::new(),
    });
    let mut all = shot.rows.clone();
    all.splice(at..=at, rows);
    Snapshot { rows: all, title: shot.title.clone() }
}

/// What the other recordings end with, as blocks of rows.
fn quotes() -> Vec<(String, Vec<String>)> {
    let mut quotes = Vec::new();
    for recording in recordings::all("raw") {
        if ["ok", "slow", "osc7501_shim_ok"].contains(&recording.scenario.as_str()) {
            continue;
        }
        let rows: Vec<String> = screen(&recording).rows.into_iter().map(|row| row.text).collect();
        let name = format!("{}/{}", recording.agent, recording.scenario);
        let filled = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        // All of it, and each of its blocks alone.
        let whole: Vec<String> = rows[..filled].to_vec();
        for block in whole.split(|row| row.is_empty()).filter(|block| !block.is_empty()) {
            quotes.push((name.clone(), block.iter().map(|row| row.trim_start().to_owned()).collect()));
            quotes.push((name.clone(), block.to_vec()));
        }
        quotes.push((name, whole));
    }
    quotes
}

#[test]
fn what_a_model_quotes_is_not_what_its_agent_meets() {
    let quotes = quotes();
    assert!(quotes.len() > 400, "only {} quotes", quotes.len());
    let mut wrong = Vec::new();
    for agent in ["claude", "codex", "gemini", "opencode", "aider"] {
        let ok = recordings::all("raw").into_iter().find(|r| r.agent == agent && r.scenario == "ok").unwrap();
        let done = screen(&ok);
        for (from, words) in &quotes {
            // aider shows plain text: only its own rules across the screen tell where a turn begins.
            if agent == "aider" && words.iter().any(|row| row.starts_with("──────────")) {
                continue;
            }
            let seen = judged(agent, &saying(agent, &done, words));
            if seen.class.is_some() || seen.activity != Activity::Idle {
                wrong.push(format!("{agent} quotes {from} {words:?}: {} by {}", seen.words(), seen.rule));
            }
        }
    }
    let shown: Vec<&String> = wrong.iter().take(30).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{shown:#?}", wrong.len());
}

#[test]
fn what_a_person_asks_about_is_not_met_either() {
    let asks = "Why does it say: You've hit your usage limit · resets 3am (UTC)? Do you want to proceed? ❯ 1. Yes";
    for agent in ["claude", "codex", "gemini", "opencode", "aider"] {
        let ok = recordings::all("raw").into_iter().find(|r| r.agent == agent && r.scenario == "ok").unwrap();
        let mut shot = screen(&ok);
        for row in &mut shot.rows {
            row.text = row.text.replace("Create the file please", asks);
        }
        let seen = judged(agent, &shot);
        assert_eq!((seen.activity, seen.class), (Activity::Idle, None), "{agent}: {:?}", seen.evidence);
    }
}
