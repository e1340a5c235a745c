//! The rule of clean-ups, by example and by property.

use super::*;
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

fn id(text: &str) -> AttemptId {
    text.parse().unwrap()
}

fn attempt(text: &str, day: i64) -> FoundAttempt {
    FoundAttempt {
        id: id(text),
        plain: Some(1000),
        packed: None,
        beside: 24,
        record: Some(10),
        last: Wall(day * DAY),
        alive: false,
    }
}

fn night(text: &str, first_seq: i64, day: i64) -> FoundNight {
    FoundNight { id: NightId::new(text).unwrap(), first_seq, last: Wall(day * DAY) }
}

fn words(planned: &[Planned]) -> Vec<String> {
    planned.iter().map(Planned::describe).collect()
}

#[test]
fn the_rules_in_their_order() {
    let found = Found {
        attempts: vec![
            attempt("2026-01-09/x/1.1", 109),
            attempt("2026-01-01/x/1.1", 1),
            attempt("2026-01-08/x/1.1", 98),
            attempt("2026-01-07/dead/1.1", 7),
        ],
        leftovers: vec![("output/x/.nk-pack-1".into(), 5)],
        nights: vec![night("2026-01-01", 1, 1), night("2026-01-07", 500, 7), night("2026-01-09", 900, 109)],
        snapshots: ["2026-01-07", "2026-01-08", "2026-01-09"].map(|id| (NightId::new(id).unwrap(), 9)).into(),
    };
    let needs = Needs { night: None, runs: BTreeSet::from(["2026-01-07/dead/1".parse().unwrap()]) };
    let planned = plan(&found, &needs, &Rules::default(), Wall(110 * DAY), false);
    assert_eq!(
        words(&planned),
        [
            "remove output/x/.nk-pack-1",
            "remove files/2026-01-07",
            "remove files/2026-01-08",
            "drop the output of 2026-01-01/x/1.1",
            "drop the recorder's files of 2026-01-01/x/1.1",
            "let the journal's facts up to 435 go: all before the night 2026-01-07",
            "compress the output of 2026-01-08/x/1.1",
            "compress the output of 2026-01-09/x/1.1",
        ]
    );
    let low = plan(&found, &needs, &Rules::default(), Wall(110 * DAY), true);
    assert_eq!(words(&low[..planned.len()]), words(&planned), "the rules first, then what the disk asks for");
    assert_eq!(
        words(&low[planned.len()..]),
        ["drop the output of 2026-01-08/x/1.1", "drop the output of 2026-01-09/x/1.1"]
    );
}

#[test]
fn for_ever_is_for_ever_and_the_newest_night_stays_by_any_rule() {
    let found = Found {
        attempts: vec![attempt("2026-01-01/x/1.1", 1), attempt("2026-01-02/x/1.1", 2)],
        leftovers: Vec::new(),
        nights: vec![night("2026-01-01", 1, 1), night("2026-01-02", 900, 2)],
        snapshots: Vec::new(),
    };
    let now = Wall(5000 * DAY);
    let ever = Rules { output: None, journal: None };
    let packs = ["compress the output of 2026-01-01/x/1.1", "compress the output of 2026-01-02/x/1.1"];
    assert_eq!(words(&plan(&found, &Needs::default(), &ever, now, false)), packs);
    let nothing = Rules { output: Some(Duration::ZERO), journal: Some(Duration::ZERO) };
    let planned = plan(&found, &Needs::default(), &nothing, now, false);
    assert!(planned.iter().all(
        |p| !matches!(&p.deed, Deed::DropOutput(a) | Deed::DropRecord(a) if a.run.night.as_str() == "2026-01-02")
    ));
    assert!(
        words(&planned).contains(&"let the journal's facts up to 835 go: all before the night 2026-01-02".to_owned())
    );
    // A clock that went back makes nothing old.
    assert_eq!(words(&plan(&found, &Needs::default(), &Rules::default(), Wall(0), false)), packs);
}

prop_compose! {
    fn attempts()(
        drawn in prop::collection::btree_map((1u32..20, 0u32..3, 1u32..3), (0i64..120, any::<bool>(), any::<bool>(), prop::option::of(0u64..9999), prop::option::of(0u64..999), any::<bool>()), 0..30),
    ) -> Vec<FoundAttempt> {
        drawn
            .into_iter()
            .map(|((night, session, number), (day, alive, record, plain, packed, beside))| FoundAttempt {
                id: id(&format!("2026-01-{night:02}/s{session}/1.{number}")),
                plain,
                packed,
                beside: if beside { 24 } else { 0 },
                record: record.then_some(10),
                last: Wall(day * DAY),
                alive,
            })
            .collect()
    }
}

prop_compose! {
    fn cases()(
        attempts in attempts(),
        nights in prop::collection::btree_map(1u32..20, 0i64..120, 0..12),
        gap in 1i64..400,
        open in prop::option::of(1u32..20),
        letters in prop::collection::btree_set((1u32..20, 0u32..3), 0..4),
        output in prop::option::of(0u64..100),
        journal in prop::option::of(0u64..100),
        now in 0i64..200,
        low in any::<bool>(),
    ) -> (Found, Needs, Rules, Wall, bool) {
        let nights = nights.into_iter().enumerate().map(|(i, (n, day))| {
            night(&format!("2026-01-{n:02}"), 1 + i64::try_from(i).unwrap() * gap, day)
        });
        let days = |days: Option<u64>| days.map(|days| Duration::from_secs(days * 86_400));
        let needs = Needs {
            night: open.map(|n| NightId::new(&format!("2026-01-{n:02}")).unwrap()),
            runs: letters.into_iter().map(|(n, s)| format!("2026-01-{n:02}/s{s}/1").parse().unwrap()).collect(),
        };
        let rules = Rules { output: days(output), journal: days(journal) };
        (Found { attempts, leftovers: Vec::new(), nights: nights.collect(), snapshots: Vec::new() }, needs, rules, Wall(now * DAY), low)
    }
}

/// What the world is after the first deeds were done.
fn done(found: &Found, deeds: &[Planned]) -> Found {
    let mut left = found.clone();
    for planned in deeds {
        let of = |id: &AttemptId, left: &mut Found, change: &dyn Fn(&mut FoundAttempt)| {
            left.attempts.iter_mut().filter(|a| a.id == *id).for_each(change);
        };
        match &planned.deed {
            Deed::Leftover { path } => left.leftovers.retain(|(p, _)| p != path),
            Deed::DropOutput(id) => of(id, &mut left, &|a| (a.plain, a.packed, a.beside) = (None, None, 0)),
            Deed::DropRecord(id) => of(id, &mut left, &|a| a.record = None),
            Deed::Pack(id) => of(id, &mut left, &|a| a.packed = a.plain.take().or(a.packed)),
            Deed::TrimJournal { through, .. } => {
                // A night whose first facts went begins later.
                left.nights.iter_mut().for_each(|n| n.first_seq = n.first_seq.max(through + 1));
                let firsts: Vec<i64> = left.nights.iter().map(|n| n.first_seq).collect();
                let mut index = 0;
                left.nights.retain(|_| {
                    index += 1;
                    firsts.get(index).is_none_or(|next| *next > through + 1)
                });
            }
        }
    }
    left
}

proptest! {
    #[test]
    fn what_is_needed_is_never_touched((found, needs, rules, now, low) in cases()) {
        for planned in plan(&found, &needs, &rules, now, low) {
            match &planned.deed {
                Deed::DropOutput(id) | Deed::DropRecord(id) | Deed::Pack(id) => {
                    let of = found.attempts.iter().find(|a| a.id == *id).unwrap();
                    prop_assert!(!of.alive);
                    prop_assert!(needs.night.as_ref() != Some(&id.run.night));
                    prop_assert!(!needs.runs.contains(&id.run));
                }
                Deed::TrimJournal { through, .. } => {
                    for night in &found.nights {
                        if needs.night(&night.id) || rules.journal.is_none_or(|keep| now.since(night.last) <= keep) {
                            prop_assert!(night.first_seq > through + PRELUDE, "{night:?} {through}");
                        }
                    }
                }
                Deed::Leftover { .. } => {}
            }
        }
    }

    #[test]
    fn nothing_goes_before_its_time_but_on_a_full_disk((found, needs, rules, now, low) in cases()) {
        let planned = plan(&found, &needs, &rules, now, low);
        for p in &planned {
            if let Deed::DropOutput(id) = &p.deed {
                let of = found.attempts.iter().find(|a| a.id == *id).unwrap();
                let old = rules.output.is_some_and(|keep| now.since(of.last) > keep);
                let right = if p.because == Because::Age { old } else { low && p.because == Because::LowDisk };
                prop_assert!(right, "{:?}", p);
            }
        }
        // The emergency's deeds come last, the oldest night first.
        let at = planned.iter().position(|p| p.because == Because::LowDisk).unwrap_or(planned.len());
        prop_assert!(planned[at..].iter().all(|p| p.because == Because::LowDisk));
        let nights: Vec<&NightId> = planned[at..].iter().filter_map(|p| match &p.deed {
            Deed::DropOutput(id) => Some(&id.run.night),
            Deed::DropRecord(_) | Deed::Pack(_) | Deed::Leftover { .. } | Deed::TrimJournal { .. } => None,
        }).collect();
        prop_assert!(nights.is_sorted());
    }

    #[test]
    fn a_clean_up_cut_short_anywhere_is_finished_by_the_next(case in cases(), cut in any::<prop::sample::Index>()) {
        let (found, needs, rules, now, low) = case;
        let whole = plan(&found, &needs, &rules, now, low);
        let after_all = done(&found, &whole);
        let cut = cut.index(whole.len() + 1);
        let halfway = done(&found, &whole[..cut]);
        let rest = plan(&halfway, &needs, &rules, now, low);
        // Output that the disk took may set its recorder's files free for the next clean-up; output is compared.
        let outputs = |found: &Found| -> Vec<_> { found.attempts.iter().map(|a| (a.plain, a.packed, a.beside)).collect() };
        prop_assert_eq!(outputs(&done(&halfway, &rest)), outputs(&after_all));
        let again = plan(&after_all, &needs, &rules, now, low);
        prop_assert!(again.iter().all(|p| matches!(p.deed, Deed::TrimJournal { .. } | Deed::DropRecord(_))), "{:?}", again);
    }
}
