//! The life of an alert held against a plain model that goes through time second by second.

use super::conditions::Condition;
use super::lifecycle::{Scene, act, advance, next_change};
use super::message::Severity;
use super::watch::{Watch, by_same};
use super::{AlertAct, Alerts};
use crate::core::time::{Mono, Wall};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Op {
    Begins,
    Ceases,
    Wait(u64),
    Ack,
    Snooze(Option<u64>),
    Resolve,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Begins),
        4 => Just(Op::Ceases),
        3 => (1..60u64).prop_map(Op::Wait),
        3 => (200..2500u64).prop_map(Op::Wait),
        1 => Just(Op::Ack),
        1 => prop::option::of(1..4000u64).prop_map(Op::Snooze),
        1 => Just(Op::Resolve),
    ]
}

/// The plain model: what is so in this second, and for how many seconds it has been.
#[derive(Default)]
struct Model {
    now: u64,
    on: bool,
    word: Option<&'static str>,
    age: u64,
    off_for: u64,
    over_for: u64,
    by_hand: bool,
    acked_for: Option<u64>,
    snooze: Option<Option<u64>>,
    came: Vec<u64>,
    flapping: bool,
}

impl Model {
    fn begins(&mut self) {
        if self.on {
            return;
        }
        self.on = true;
        if self.by_hand {
            return;
        }
        match self.word {
            Some("resolved") if self.over_for < 1800 => self.comes_back(true),
            Some("pending" | "open") => self.comes_back(false),
            Some(_) | None => {
                self.word = Some("pending");
                self.age = 0;
                self.came = vec![self.now];
                (self.flapping, self.acked_for, self.snooze) = (false, None, None);
            }
        }
        self.off_for = 0;
    }
    fn comes_back(&mut self, anew: bool) {
        self.came.retain(|at| self.now - at < 1800);
        self.came.push(self.now);
        self.flapping = self.came.len() >= 3;
        if self.snooze == Some(None) {
            self.snooze = None;
        }
        if anew {
            self.word = Some("pending");
            self.age = 0;
            (self.acked_for, self.snooze) = (None, None);
        }
    }
    fn ceases(&mut self) {
        if !self.on {
            return;
        }
        self.on = false;
        self.off_for = 0;
        if self.by_hand {
            // From now on counts how long it has been over.
            self.by_hand = false;
            self.over_for = 0;
        } else if self.word == Some("pending") {
            self.word = Some("resolved");
            self.over_for = 0;
        } else if self.snooze == Some(None) {
            self.snooze = None;
        }
    }
    fn wakes(&mut self, critical: bool) {
        if self.on && critical && self.acked_for.is_some_and(|n| n >= 45 * 60) {
            self.acked_for = None;
        }
        if self.on && self.snooze == Some(Some(0)) {
            self.snooze = None;
        }
    }
    fn second(&mut self, critical: bool) {
        self.now += 1;
        self.age += 1;
        self.over_for += 1;
        self.acked_for = self.acked_for.map(|n| n + 1);
        self.snooze = self.snooze.map(|left| left.map(|n| n.saturating_sub(1)));
        if self.word == Some("pending") && self.on && self.age >= 30 {
            self.word = Some("open");
        }
        self.wakes(critical);
        if !self.on {
            self.off_for += 1;
            let hold = if self.flapping { 1800 } else { 300 };
            if self.word == Some("open") && self.off_for >= hold {
                self.word = Some("resolved");
                self.over_for = 0;
            }
        }
    }
    fn shown(&self) -> Option<&'static str> {
        match self.word {
            Some("open") if self.acked_for.is_some() => Some("acked"),
            Some("open") if self.snooze.is_some() => Some("snoozed"),
            word => word,
        }
    }
}

/// The real thing, told only when it asks to be.
struct Real {
    alerts: Alerts,
    now: Mono,
    on: bool,
    severity: Severity,
}

impl Real {
    fn tend(&mut self) {
        let condition = Condition {
            kind: "failed",
            severity: self.severity,
            session: None,
            project: None,
            title: "t".to_owned(),
            body: String::new(),
            command: None,
            because_of: None,
        };
        let mut watch = Watch::default();
        watch.wrong.extend(self.on.then(|| ("same".to_owned(), condition)));
        let look = BTreeSet::from(["same".to_owned()]);
        for _ in 0..2 {
            watch.alerts = by_same(&self.alerts);
            let scene = Scene { now: self.now, wall: Wall(0), night: None };
            for (alert, _) in advance(&self.alerts, &watch, &look, scene) {
                self.alerts.last = self.alerts.last.max(alert.number);
                self.alerts.known.insert(alert.number, alert);
            }
        }
    }
    fn wait(&mut self, seconds: u64) {
        let end = Mono(self.now.0 + seconds * 1000);
        while let Some(next) = self.alerts.known.values().filter_map(next_change).filter(|at| *at <= end).min() {
            self.now = self.now.max(next);
            let before = self.alerts.clone();
            self.tend();
            assert_ne!(before, self.alerts, "it asked to be looked at for nothing");
        }
        self.now = end;
        self.tend();
    }
    fn act(&mut self, wanted: AlertAct) {
        let Some(alert) = self.alerts.known.values().next_back() else { return };
        if let Ok((Some(next), _)) = act(alert, wanted, "anna", self.now, 0) {
            self.alerts.known.insert(next.number, next);
        }
        self.tend();
    }
}

proptest! {
    #[test]
    fn an_alert_lives_as_the_plain_model_says(ops in prop::collection::vec(op(), 1..40), critical in any::<bool>()) {
        let severity = if critical { Severity::Critical } else { Severity::High };
        let mut real = Real { alerts: Alerts::default(), now: Mono(0), on: false, severity };
        let mut model = Model::default();
        for op in ops {
            let standing = matches!(model.word, Some("pending" | "open"));
            match &op {
                Op::Begins => {
                    real.on = true;
                    real.tend();
                    model.begins();
                    model.wakes(critical);
                }
                Op::Ceases => {
                    real.on = false;
                    real.tend();
                    model.ceases();
                }
                Op::Wait(seconds) => {
                    real.wait(*seconds);
                    (0..*seconds).for_each(|_| model.second(critical));
                }
                Op::Ack => {
                    real.act(AlertAct::Ack);
                    if standing && model.acked_for.is_none() {
                        model.acked_for = Some(0);
                    }
                }
                Op::Snooze(seconds) => {
                    real.act(AlertAct::Snooze { seconds: *seconds });
                    if standing {
                        model.snooze = Some(*seconds);
                    }
                }
                Op::Resolve => {
                    real.act(AlertAct::Resolve);
                    if standing {
                        model.word = Some("resolved");
                        model.by_hand = model.on;
                        // When it was over before anybody said so counts from there.
                        model.over_for = model.off_for;
                    }
                }
            }
            let shown = real.alerts.known.values().next_back().map(super::Alert::word);
            prop_assert_eq!(shown, model.shown(), "after {:?}", op);
        }
    }
}
