//! The kind of a table's row: by the column that tells how it stands, by what its header names, by its section.

use super::Kind;
use super::blocks::Unit;
use super::evidence;
use super::lexicon::{Lexicon, Words};
use super::line::Place;
use super::marks::{self, Mark};
use super::rules::kind_of;
use super::sections::Class;
use super::signals::{Reading, Signal};
use std::sync::LazyLock;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    Status,
    File,
    Commit,
    Trouble,
    Number,
    Decision,
    Question,
    Risk,
    Task,
    Answer,
    Skip,
}

static HEADERS: LazyLock<Lexicon<Column>> = LazyLock::new(|| {
    Lexicon::new(&[
        (
            Column::Status,
            "status, state, result, outcome, verdict, conclusion, done, passed, pass, progress, ok, check, completion, ergebnis, zustand, resultado, \
             estado, situação, statut, résultat, статус, результат, состояние, 상태, 결과, 状態, 結果, 状态, 结果",
        ),
        (
            Column::File,
            "file, files, path, artifact, artifacts, document, doc, script, deliverable, datei, arquivo, archivo, fichier, файл, 파일, ファイル, 文件",
        ),
        (Column::Commit, "commit, commits, hash, sha, pr, pull request, tag, branch, 커밋, コミット, 提交"),
        (
            Column::Trouble,
            "issue, bug, error, problem, finding, failure, severity, fehler, problema, erro, ошибка, проблема, 문제, 오류, 問題",
        ),
        (
            Column::Number,
            "count, value, before, after, total, rows, lines, size, metric, number, amount, time, duration, coverage, delta, change, \
             measurement, records, tokens, cost, benchmark, baseline, wert, anzahl, valor, quantidade, valeur, значение, количество, 값, 수치, 値",
        ),
        (Column::Decision, "decision, choice, chosen, rationale, entscheidung, decisão, решение, 결정"),
        (
            Column::Question,
            "question, needs, action needed, action required, your action, owner action, frage, pergunta, вопрос, 질문",
        ),
        (Column::Risk, "risk, limitation, caveat, gap, mitigation, workaround, risiko, risco, riesgo, риск"),
        (
            Column::Task,
            "task, step, next, priority, effort, todo, estimate, eta, aufgabe, tarefa, tarea, tâche, задача, 작업",
        ),
        (
            Column::Answer,
            "action, action taken, resolution, fix, solution, disposition, response, change, lösung, solução, решение, 해결",
        ),
        (
            Column::Skip,
            "option, pros, cons, variable, default, example, usage, endpoint, method, command, flag, purpose, meaning, schedule, cron, parameter",
        ),
    ])
});

/// Words of a row that adds the others up.
const TOTALS: &[&str] =
    &["total", "totals", "subtotal", "sum", "overall", "gesamt", "summe", "всего", "итого", "합계", "合計", "合计"];

/// The kind of a row.
pub fn row(unit: &Unit, header: &[String], place: &Place) -> Option<Kind> {
    let cells: Vec<&str> = unit.cells.iter().map(|c| c.trim()).collect();
    if cells.iter().all(|c| evidence::is_nothing(marks::leading(c).1) && marks::anywhere(c).is_none()) {
        return None;
    }
    let columns: Vec<Option<Column>> =
        header.iter().map(|name| HEADERS.find(&Words::of(name)).first().map(|hit| hit.meaning)).collect();
    let has = |column| columns.contains(&Some(column));
    let class = place.class;
    let whole = Reading::of(&unit.text);
    let first = cells.iter().find(|c| !c.is_empty()).copied().unwrap_or_default();
    if TOTALS.contains(&Words::of(first).at(0)) {
        return Some(Kind::Metric);
    }
    if whole.says(Signal::User) || (has(Column::Question) && class != Some(Class::Skip)) {
        return Some(Kind::UserAction);
    }
    if place.unfinished || class == Some(Class::Skip) {
        return None;
    }
    if unit.struck.iter().map(ExactSizeIterator::len).sum::<usize>() > 4 {
        return Some(Kind::Achievement);
    }
    let under =
        |wanted| columns.iter().zip(&cells).filter(move |(column, _)| **column == Some(wanted)).map(|(_, cell)| *cell);
    let marked = cells.iter().skip(1).filter(|c| marks::anywhere(c).is_some() && c.chars().count() <= 40).copied();
    let troubled = has(Column::Trouble) || matches!(class, Some(Class::Error | Class::Findings));
    // A number under `Done` or `Passed` tells how much, not how it stands.
    let states =
        under(Column::Status).filter(|cell| !evidence::starts_with_number(cell) || marks::anywhere(cell).is_some());
    if let Some(kind) = states.chain(marked).find_map(|cell| told(cell, troubled, class)) {
        return Some(kind);
    }
    if let Some(kind) = under(Column::Answer).find_map(answered) {
        return Some(kind);
    }
    let rest = || cells.iter().filter(|c| **c != first && !c.is_empty());
    if rest().count() > 0
        && rest().all(|c| evidence::starts_with_number(c) && c.len() <= 24)
        && class != Some(Class::Skip)
        && !has(Column::File)
    {
        return Some(Kind::Metric);
    }
    if has(Column::Skip) && !troubled {
        return None;
    }
    let ordered = matches!(
        class,
        Some(
            Class::Next
                | Class::User
                | Class::Pending
                | Class::Blocker
                | Class::Limit
                | Class::Decision
                | Class::Doing
                | Class::Later
        )
    );
    if ordered {
        return class.filter(|class| *class != Class::Verify).and_then(kind_of);
    }
    if has(Column::Commit) || evidence::leads_with_hash(first) {
        return Some(Kind::Artifact);
    }
    if has(Column::Decision) {
        return Some(Kind::Decision);
    }
    if troubled {
        return Some(
            if whole.has(Signal::Cured) || columns.contains(&Some(Column::Number)) && whole.denies(Signal::Bad) {
                Kind::Achievement
            } else {
                Kind::Error
            },
        );
    }
    if has(Column::Risk) {
        return Some(Kind::Limitation);
    }
    if has(Column::File) || evidence::leads_with_path(first) {
        return Some(Kind::Artifact);
    }
    if cells.iter().skip(1).any(|c| evidence::starts_with_number(c))
        && (has(Column::Number)
            || matches!(class, Some(Class::Metric | Class::Verify | Class::Summary | Class::Done) | None))
    {
        return Some(Kind::Metric);
    }
    if columns.first() == Some(&Some(Column::Task)) && class.is_none() {
        return Some(Kind::Pending);
    }
    class.filter(|class| *class != Class::Verify).and_then(kind_of).or_else(|| {
        if whole.has(Signal::Undone) {
            Some(Kind::Pending)
        } else if whole.has(Signal::Limit) {
            Some(Kind::Limitation)
        } else if whole.trouble() && !whole.has(Signal::Cured) {
            Some(Kind::Error)
        } else if whole.says(Signal::Good) || whole.has(Signal::Did) {
            Some(Kind::Achievement)
        } else {
            None
        }
    })
}

/// The kind that a cell telling the state gives its row.
fn told(cell: &str, troubled: bool, class: Option<Class>) -> Option<Kind> {
    let reading = Reading::of(cell);
    let mark = marks::anywhere(cell).or_else(|| marks::boxed(&format!("{cell} ")).map(|(mark, _)| mark));
    let next = class == Some(Class::Next);
    if reading.says(Signal::User) || reading.has(Signal::Ask) && reading.words.len() <= 6 {
        return Some(Kind::UserAction);
    }
    if reading.says(Signal::Block) {
        return Some(Kind::Blocker);
    }
    let plain = Words::of(cell.split(" (").next().unwrap_or(cell));
    let passed = [
        "pass",
        "passed",
        "passes",
        "success",
        "succeeded",
        "done",
        "complete",
        "completed",
        "ok",
        "green",
        "merged",
        "fixed",
        "resolved",
    ];
    if plain.len() <= 2 && passed.contains(&plain.at(0)) && class != Some(Class::Later) {
        return Some(Kind::Achievement);
    }
    if plain.len() <= 2 && ["chosen", "selected", "rejected", "adopted", "winner"].contains(&plain.at(0)) {
        return Some(Kind::Decision);
    }
    if reading.has(Signal::Undone) || reading.says(Signal::Wait) {
        return Some(if troubled {
            Kind::Error
        } else if next {
            Kind::NextStep
        } else {
            Kind::Pending
        });
    }
    if reading.has(Signal::Doing) || reading.words.at(0) == "partial" || reading.words.at(0) == "partially" {
        return Some(Kind::InProgress);
    }
    if reading.has(Signal::Todo) {
        return Some(if troubled {
            Kind::Error
        } else if next {
            Kind::NextStep
        } else {
            Kind::Pending
        });
    }
    if reading.trouble() && !reading.has(Signal::Cured) {
        return Some(Kind::Error);
    }
    if reading.has(Signal::Limit) {
        return Some(Kind::Limitation);
    }
    match mark {
        Some(Mark::Done) => return Some(if class == Some(Class::Later) { Kind::Pending } else { Kind::Achievement }),
        Some(Mark::Waiting) => return Some(if next { Kind::NextStep } else { Kind::Pending }),
        Some(Mark::Doing) => return Some(if next { Kind::NextStep } else { Kind::InProgress }),
        Some(Mark::Warning) => return Some(if troubled { Kind::Error } else { Kind::Limitation }),
        Some(Mark::Failed) => return Some(if class == Some(Class::Pending) { Kind::Pending } else { Kind::Error }),
        Some(Mark::Stopped) => return Some(Kind::Blocker),
        Some(Mark::Dot) | None => {}
    }
    if reading.says(Signal::Good)
        || reading.has(Signal::Did)
        || reading.has(Signal::Cured)
        || reading.denies(Signal::Bad)
    {
        return Some(Kind::Achievement);
    }
    if matches!(reading.words.at(0), "open" | "new" | "backlog" | "next" | "draft" | "review")
        && reading.words.len() <= 4
    {
        return Some(if troubled { Kind::Error } else { Kind::Pending });
    }
    None
}

/// The kind that a cell telling what was done about it gives its row.
fn answered(cell: &str) -> Option<Kind> {
    let reading = Reading::of(cell);
    if reading.says(Signal::User) {
        return Some(Kind::UserAction);
    }
    if reading.has(Signal::Undone) || reading.begins(Signal::Todo) {
        return Some(Kind::Pending);
    }
    (reading.leads(Signal::Did) || reading.says(Signal::Cured)).then_some(Kind::Achievement)
}
