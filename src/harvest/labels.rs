//! What the label of a line says (`Status: …`, `**Next action:** …`).

use super::lexicon::{Lexicon, Words};
use std::sync::LazyLock;

/// What stands after a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// How it stands.
    Status,
    /// How it went.
    Result,
    /// A number or a time.
    Metric,
    /// A file or several.
    File,
    /// A branch, a commit.
    Ref,
    /// What to do next.
    Next,
    /// What the reader is to do.
    User,
    /// What holds it up.
    Blocker,
    /// What went wrong, or why.
    Error,
    /// More about what went wrong.
    Cause,
    /// How it was put right.
    Fix,
    /// What was decided.
    Decision,
    /// What it does not do.
    Limit,
    /// What is to be done.
    Todo,
    /// What was done.
    Done,
    /// What good it does.
    Impact,
    /// Nothing that is an item.
    Meta,
}

static LABELS: LazyLock<Lexicon<Label>> = LazyLock::new(|| {
    Lexicon::new(&[
        (
            Label::Status,
            "status, state, overall status, build status, test status, deployment status, code status, current status, \
             deployment, build, overall, phase status, zustand, estado, situação, statut, статус, состояние, 상태, ステータス, 状态",
        ),
        (
            Label::Result,
            "result, results, outcome, verdict, conclusion, bottom line, validation, verification, tests, test results, test, \
             checks, ci, summary, recommendation status, ergebnis, fazit, resultado, conclusão, résultat, результат, итог, 결과, 검증, 結果, 结果",
        ),
        (
            Label::Metric,
            "duration, total duration, elapsed, time spent, runtime, run time, progress, coverage, test coverage, total, subtotal, \
             count, size, lines, files changed, lines added, lines of code, loc, tokens, cost, spent, timeline, time, total time, \
             score, numbers, figures, stats, performance, latency p50, metrics, time invested, time taken, time used, elapsed time, wall time, pass rate, success rate, rate, throughput, latency, average, rows, records, estimated effort, effort, \
             estimate, eta, completion, time period, hours, commits, tests passing, tests passed, session length, iterations, start time, \
             dauer, laufzeit, fortschritt, duração, progresso, duración, durée, длительность, прогресс, время, 소요 시간, 진행률, 所要時間, 进度",
        ),
        (
            Label::File,
            "file, files, location, path, output, artifact, artifacts, apk, binary, script, scripts, document, doc, docs, created, \
             files created, files modified, files changed, new file, new files, modified, report, log, logs, screenshot, \
             deliverable, deliverables, module, datei, dateien, arquivo, arquivos, archivo, archivos, fichier, fichiers, файл, \
             файлы, 파일, ファイル, 文件",
        ),
        (
            Label::Ref,
            "branch, commit, commits, pr, pull request, tag, head, base, hash, sha, merge commit, zweig, ветка, коммит, 커밋, 브랜치, コミット, 提交",
        ),
        (
            Label::Next,
            "next, next step, next steps, next action, next actions, next up, recommendation, recommended, suggestion, \
             recommended next step, follow up, ready for next session, plan, then, next session, next review, or, nächster schritt, \
             empfehlung, próximo passo, próximos passos, recomendação, siguiente paso, próximo paso, prochaine étape, \
             следующий шаг, рекомендация, 다음, 다음 단계, 次のステップ, 下一步",
        ),
        (
            Label::User,
            "user action, user action required, action required, action needed, your action, you need to, needs you, \
             what you need to do, needs your input, question, question for you, questions, your call, decision needed, \
             needs decision, manual step, manual steps, human action, awaiting, awaiting approval, for you, to you, ask, \
             needs human, owner action, please, re, frage, pergunta, pregunta, вопрос, 질문, 확인 필요",
        ),
        (
            Label::Blocker,
            "blocker, blockers, blocked, blocked by, blocked on, blocking, current blocker, bloqueio, bloqueo, blockiert, 블로커, 차단",
        ),
        (
            Label::Error,
            "error, errors, issue, problem, bug, failure, symptom, failed, failing, crash, regression, broken, fehler, \
             problem gefunden, erro, problema, error encontrado, erreur, problème, ошибка, проблема, 오류, 문제, 에러, 実패",
        ),
        (
            Label::Cause,
            "cause, root cause, why, why it happens, reason, run, location of error, where, details, detail, evidence, reproduction, \
             steps to reproduce, repro, severity, affected, ursache, causa, причина, 원인, 原因",
        ),
        (
            Label::Fix,
            "fix, fixed, fix applied, solution, resolution, resolved, remedy, mitigation, what i changed, change, lösung, behoben, \
             solução, correção, solución, corrección, correctif, решение, исправление, 해결, 수정, 修正, 修复",
        ),
        (
            Label::Decision,
            "decision, decided, chosen approach, choice, rationale, approach, entscheidung, decisão, decisión, décision, решение принято, 결정, 決定, 决定",
        ),
        (
            Label::Limit,
            "limitation, limitations, known issue, known issues, known limitation, caveat, caveats, mock data, not tested, not verified, \
             untested, unverified, assumed, assumption, assumptions, warning, risk, risks, unknown, unknowns, gap, gaps, skipped, out of scope, allowed, forbidden, note of caution, \
             einschränkung, limitação, limitación, limite, ограничение, риск, 제한, 주의, 한계",
        ),
        (
            Label::Todo,
            "todo, remaining, pending, left, deferred, still open, outstanding, missing, to do, not done, not yet, not started, offen, pendente, pendiente, осталось, 미완료, 남은 작업",
        ),
        (
            Label::Done,
            "verified, done, complete, completed, added, updated, enhanced, removed, implemented, changed, improved, refactored, built, delivered, \
                       accomplished, achievement, key achievement, erledigt, feito, hecho, fait, сделано, 완료, 구현, 完了",
        ),
        (
            Label::Impact,
            "impact, benefit, benefits, effect, why it matters, value, auswirkung, impacto, effet, эффект, 효과, 영향",
        ),
        (
            Label::Meta,
            "date, last updated, updated at, generated, generated at, generated by, author, owner, session focus, focus, model, agent, \
             working directory, repo, repository, url, link, version, environment, platform, host, machine, session, session id, \
             project, confidence, mood, signed, demo date, timezone, priority, started, started at, ended, ended at, finished at, start, end, week, \
             reviewer, from, to, subject, cc, audience, purpose, scope, method, methodology, prepared by, prepared for, \
             datum, autor, data, fecha, auteur, дата, автор, 날짜, 작성자, 日付, 日期, requirements, features, endpoint, endpoints, example, usage, \
             command, returns, source, sources, data source, what it does, note, notes, see, see also, legend, backstory, format, input",
        ),
    ])
});

/// What a label says; `None` for one that names a matter.
pub fn read(label: &str) -> Option<Label> {
    let words = Words::of(label);
    if words.is_empty() || words.len() > 6 {
        return None;
    }
    let hits = LABELS.find(&words);
    // A label is known when a phrase of ours is all of it.
    let whole = hits.iter().find(|h| h.at == 0 && h.words == words.len());
    let last = || hits.iter().filter(|h| h.at + h.words == words.len()).max_by_key(|h| h.words);
    let strong = |label: Label| {
        matches!(
            label,
            Label::Status | Label::Metric | Label::User | Label::Blocker | Label::Next | Label::Limit | Label::Decision
        )
    };
    whole.or_else(|| last().filter(|h| strong(h.meaning) && words.len() <= 4)).map(|h| h.meaning)
}

/// A line's label, the text after it, and whether the label is bold. A label is short and ends with a colon, inside or
/// outside its bold; a bold beginning followed by a dash counts as one that names a matter.
pub fn split(text: &str, bold_end: Option<usize>) -> Option<(&str, &str, bool)> {
    if let Some(end) = bold_end {
        let (head, tail) = text.split_at_checked(end)?;
        let head_trimmed = head.trim_end();
        if let Some(label) = head_trimmed.strip_suffix([':', '：']) {
            return Some((label.trim(), tail.trim_start(), true));
        }
        let tail = tail.trim_start();
        for sign in [":", "：", "—", "–", "- ", "->", "→", "="] {
            if let Some(rest) = tail.strip_prefix(sign) {
                return Some((head_trimmed, rest.trim_start(), true));
            }
        }
        return None;
    }
    let colon = text.find([':', '：'])?;
    let label = text[..colon].trim();
    let rest = text[colon..].trim_start_matches([':', '：']);
    // A time, an address or a path is no label.
    if label.is_empty()
        || !(rest.is_empty() || rest.starts_with(char::is_whitespace) || text[colon..].starts_with('：'))
    {
        return None;
    }
    (label.chars().count() <= 40 && label.split_whitespace().count() <= 5).then(|| (label, rest.trim_start(), false))
}
