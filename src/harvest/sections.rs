//! What a heading says about the lines below it.

use super::lexicon::{Lexicon, Words};
use super::marks::Mark;
use std::sync::LazyLock;

/// What stands in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// What was done.
    Done,
    /// What is under way.
    Doing,
    /// What was not done yet.
    Pending,
    /// What comes next.
    Next,
    /// What the reader is to do or decide.
    User,
    /// What holds the work up.
    Blocker,
    /// What went wrong.
    Error,
    /// Numbers.
    Metric,
    /// Files and the like.
    Files,
    /// Commits, tags, pull requests.
    Commits,
    /// What was decided.
    Decision,
    /// What it does not do.
    Limit,
    /// What was learned.
    Insight,
    /// Checks and their results.
    Verify,
    /// All of it in short, or how it stands.
    Summary,
    /// What happened when.
    Log,
    /// Findings of a review.
    Findings,
    /// Remarks.
    Notes,
    /// What would be so once something else is done.
    Later,
    /// Nothing that is an item: how to use it, examples, plans of automation.
    Skip,
}

/// In the order of what counts more where a heading says several things.
const ORDER: &[Class] = &[
    Class::User,
    Class::Skip,
    Class::Later,
    Class::Pending,
    Class::Blocker,
    Class::Limit,
    Class::Doing,
    Class::Next,
    Class::Decision,
    Class::Commits,
    Class::Files,
    Class::Error,
    Class::Findings,
    Class::Metric,
    Class::Verify,
    Class::Done,
    Class::Insight,
    Class::Log,
    Class::Notes,
    Class::Summary,
];

static HEADINGS: LazyLock<Lexicon<Class>> = LazyLock::new(|| {
    Lexicon::new(&[
        (
            Class::User,
            "you need, needs you, need you, your action, action required, actions required, action needed, user action, \
             user actions, for you, from you, your input, your decision, your review, your attention, your approval, \
             your call, needs your, need your, what is needed, whats needed, human, owner, operator, maintainer, \
             needed from, required from, requires you, need a human, needs a human, need a person, humans, manual, manually, \
             manual steps, needs human, human action, human actions, human input, human review, human decision, \
             needs review, for review, ready for review, awaiting review, awaiting approval, approval needed, \
             needs approval, open questions, open question, questions, open decisions, decisions needed, \
             decision needed, decisions required, decision required, decisions for, pending decisions, \
             unresolved questions, owner actions, operator actions, waiting on you, waiting for you, \
             blocked on you, needs decision, needs attention, requires attention, action items for, to confirm, please, \
             your turn, over to you, unknowns for you, asks, choose, \
             ihre aktion, bitte, offene fragen, fragen, zu entscheiden, deine aufgaben, \
             acao necessaria, ação necessária, requer ação, sua ação, perguntas, \
             accion requerida, acción requerida, preguntas, action requise, à faire par vous, questions ouvertes, \
             требуется, вопросы, 확인 필요, 사용자 확인, 결정 필요, 질문, 需要你, 待确认, 問題点と質問",
        ),
        (
            Class::Skip,
            "how to use, how to run, how to test, how it works, usage, quick start, quickstart, getting started, \
             installation, example, examples, sample, table of contents, contents, references, reference, resources, \
             sources, links, see also, sources used, glossary, background, motivation, architecture, overview of, \
             directory structure, folder structure, file structure, project structure, data flow, diagram, \
             appendix, environment, prerequisites, automation schedule, schedule, scheduled, cron schedule, \
             legend, template, instructions, commands, useful commands, quick commands, contact, expected result, \
             expected results, expected output, rules, ground rules, allowed, \
             forbidden, scope, mission, goal, goals, objective, objectives, context, what it does, what this does, \
             tech stack, stack, environment variables, env vars, team, participants, support, license, credits, voraussetzungen, beispiel, exemplo, ejemplo, requirements",
        ),
        (
            Class::Later,
            "after migration, after migrations, after deployment, after deploy, after merge, once merged, \
             after approval, planned state, target state, future state",
        ),
        (
            Class::Pending,
            "pending, remaining, not implemented, not yet, not done, not started, not built, not completed, unfinished, \
             incomplete, todo, todos, to do, left, whats left, outstanding, backlog, deferred, postponed, missing, \
             still open, still needs, still need, needs to happen, open, open points, still to, still missing, open items, open tasks, open work, open issues, left to do, queued, \
             to be done, yet to, to create, to build, to implement, not included, not finished, unimplemented, \
             in the queue, waiting, stale, abandoned, unmerged, unreleased, uncommitted, deployment checklist, launch checklist, carried over, carry over, offen, offene, offene punkte, offene aufgaben, ausstehend, \
             does not exist, doesnt exist, noch offen, nicht erledigt, unerledigt, pendente, pendentes, pendências, pendiente, pendientes, faltante, \
             en attente, reste à faire, restant, не сделано, осталось, 미완료, 남은, 대기, 보류, 未完了, 残り, 待办, 未完成",
        ),
        (
            Class::Blocker,
            "blocker, blockers, blocked, blocking, impediment, impediments, showstopper, showstoppers, stuck, \
             blockiert, blockaden, hindernisse, bloqueio, bloqueios, bloqueado, bloqueos, bloqueante, blocages, bloquants, points bloquants, \
             блокеры, 차단, 블로커, 阻塞, 障害",
        ),
        (
            Class::Limit,
            "limitation, limitations, known issue, known issues, known limitations, known problems, known bugs, \
             known gaps, caveat, caveats, constraints, minor issues, minor issue, non breaking, not tested, untested, \
             not verified, unverified, not covered, out of scope, non goals, mocked, stubbed, trade offs, tradeoffs, \
             drawbacks, gaps, coverage gaps, technical debt, tech debt, workarounds, unknowns, accepted risks, honest, \
             what this does not, does not do, what i did not, what we did not, what i didnt, didnt do, did not do, \
             what was not done, intentionally, deliberately, risks, risk, landmines, considerations, worries, worry, worrying, skipped, left alone, untouched, on purpose, concerns, watch list, watchlist, things to watch, consequences, implications, unsure, not sure, uncertain, unclear, unknown, side effects, downsides, gotchas, pitfalls, bite, watch out, be aware, beware, careful, keep in mind, assumptions, assumed, good to know, \
             things to know, heads up, warnings, \
             deprecated, einschränkungen, grenzen, bekannte probleme, risiken, limitações, limitaciones, limites, \
             limitations connues, problemas conhecidos, ограничения, риски, 제한, 한계, 알려진 문제, 주의, 制限, 限制",
        ),
        (
            Class::Doing,
            "in progress, in flight, underway, under way, ongoing, currently working, working on, current work, wip, \
             active work, active tasks, now working, current task, running, in arbeit, läuft, em andamento, \
             em progresso, en progreso, en curso, en cours, в работе, в процессе, 진행 중, 진행중, 進行中, 进行中",
        ),
        (
            Class::Next,
            "next, next step, next steps, next up, whats next, up next, roadmap, future, future work, follow up, \
             follow ups, followup, followups, recommendation, recommendations, recommended, suggestion, suggestions, \
             suggested, upcoming, tomorrow, plan, plans, next session, action items, first thing, first things, ideas, idea, wishlist, nice to have, to continue, to resume, how to continue, if i had, with more time, next actions, possible solutions, \
             improvements to make, priorities, to consider, enhancements, where to start, pick up, start here, \
             resume, resumption, nächste, nächste schritte, empfehlungen, próximos, próximos passos, recomendações, \
             próximos pasos, recomendaciones, siguientes pasos, prochaines étapes, recommandations, à faire, \
             следующие, следующие шаги, дальше, план, рекомендации, 다음, 다음 단계, 향후, 권장, 次の, 次のステップ, 今後, 下一步, 后续, 建议",
        ),
        (
            Class::Decision,
            "decision, decisions, decided, rejected, considered, alternatives considered, key decisions, design decisions, choices, design choices, rationale, \
             our additions, trade off decisions, decision log, adr, adrs, entscheidungen, entscheidung, decisões, \
             decisiones, décisions, решения, 결정, 결정 사항, 決定, 决策, 决定",
        ),
        (
            Class::Commits,
            "commit, commits, git commits, git log, commit log, commits made, pull request, pull requests, prs, \
             tags created, tags, branches, git history, merged prs, 커밋, コミット, 提交",
        ),
        (
            Class::Files,
            "files, artifacts, artefacts, deliverable, deliverables, documents produced, outputs, \
             output files, documentation created, documents created, documents, package contents, scripts created, \
             new files, modified files, files changed, changed files, files created, files modified, \
             generated files, screenshots, reports generated, key files, dateien, geänderte dateien, arquivos, archivos, \
             fichiers, файлы, измененные файлы, 파일, 변경된 파일, ファイル, 文件",
        ),
        (
            Class::Error,
            "error, errors, symptom, symptoms, root cause, root causes, impact of the bug, what happened, failure, failures, failed, failing, red, \
             unresolved, not so great, not so good, the bad, less good, went badly, didnt work, did not work, what didnt, what didnt go, bug, bugs, broken, crash, crashes, problem, problems, \
             issue, issues, needs fix, needs fixing, to fix, whats broken, not working, what failed, went wrong, \
             regressions, defects, incidents, incident, vulnerabilities, fehler, probleme, erros, problemas, errores, \
             erreurs, problèmes, ошибки, проблемы, 오류, 에러, 문제, 실패, エラー, 問題, 错误, 失败, 问题",
        ),
        (
            Class::Findings,
            "finding, findings, audit findings, review findings, critical findings, befunde, hallazgos, achados",
        ),
        (
            Class::Metric,
            "metric, metrics, statistics, stats, numbers, by the numbers, kpis, performance, benchmark, benchmarks, \
             timings, data loaded, load statistics, impact metrics, quantitative, measurements, counts, usage stats, expected improvements, expected impact, \
             token usage, cost, costs, throughput, coverage, scoreboard, progress metrics, kennzahlen, zahlen, \
             métricas, estatísticas, estadísticas, métriques, chiffres, метрики, статистика, 지표, 통계, 수치, 指標, 指标, 统计",
        ),
        (
            Class::Verify,
            "verification, verified, validation, validated, test results, testing, tests, test, tested, test status, \
             checks, quality gates, quality, gates, qa, ci, build status, evidence, proof, workflow runs, smoke test, \
             acceptance criteria, success criteria, criteria, prüfung, verifikation, validação, validación, verificación, \
             vérification, проверка, тесты, 검증, 테스트, 検証, テスト, 验证, 测试",
        ),
        (
            Class::Done,
            "done, complete, completed, completion, accomplished, accomplishments, accomplishment, achievements, achieved, \
             achievement, finished, delivered, implemented, shipped, built, fixed, fixes, what was tried, what i tried, bugs fixed, bug fixes, \
             fixes applied, critical fixes, resolved, issues resolved, issues fixed, resolutions, solved, merged, landed, \
             added, new, new features, features, changed, changes, change, whats new, whats changed, what changed, \
             what was done, what i did, what we did, what i built, what we built, what works, what exists, whats working, working, \
             ready, whats ready, removed, improved, improvements, improvements made, enhanced, enhancements made, \
             highlights, wins, progress, progress made, work done, work completed, work performed, successes, success, \
             created, what was created, implementation, implementations, updated, updates, security, now does, \
             refactored, optimizations, migrated, deployed, closed, erledigt, fertig, abgeschlossen, umgesetzt, \
             behoben, behobene, behobenen, gelöste, erledigte, umgesetzte, abgeschlossene, änderungen, neuerungen, concluído, concluídas, concluídos, concluida, feito, realizado, \
             corrigido, correções, mudanças, completado, completadas, hecho, realizados, logros, correcciones, cambios, \
             terminé, terminées, réalisé, réalisations, fait, corrections, corrigé, modifications, сделано, выполнено, \
             готово, исправлено, завершено, изменения, 완료, 완료된, 수정, 구현, 성과, 변경, 작업 내용, 完了, 実装, 修正, 変更, 已完成, 完成, 修复, 实现",
        ),
        (
            Class::Insight,
            "insight, insights, key insights, key findings, lessons, lessons learned, learnings, learned, observations, \
             takeaways, key takeaways, discoveries, what worked, retrospective, erkenntnisse, lições, aprendizados, \
             lecciones, leçons, выводы, 교훈, 인사이트, 気づき, 洞察",
        ),
        (
            Class::Log,
            "log, timeline, chronology, check in, checkin, session log, work log, progress log, history, journal, \
             changelog, zeitachse, verlauf, linha do tempo, cronología, журнал, 타임라인, 로그",
        ),
        (
            Class::Notes,
            "note, notes, upgrade notes, migration notes, important, remarks, additional notes, important context, critical notes, hinweise, notas, \
             observações, remarques, примечания, 참고, 비고, メモ, 备注",
        ),
        (
            Class::Summary,
            "summary, executive summary, tl dr, tldr, bottom line, conclusion, status, current status, current state, \
             overview, state, where we are, where things stand, where it stands, at a glance, verdict, result, results, outcome, final status, recap, closing, \
             status summary, zusammenfassung, fazit, ergebnis, ergebnisse, stand, resumo, resumen, résumé, bilan, \
             conclusão, conclusión, resultado, resultados, итог, итоги, сводка, статус, 요약, 결과, 결론, 상태, 現状, \
             概要, まとめ, 結果, 总结, 摘要, 结果, 状态",
        ),
    ])
});

/// Words of a heading that name no matter of their own.
static FILLER: LazyLock<Lexicon<()>> = LazyLock::new(|| {
    Lexicon::new(&[(
        (),
        "the, a, an, of, and, or, to, in, on, for, from, with, by, we, i, you, your, our, my, it, its, this, that, these, \
         was, were, is, are, be, been, have, has, had, weve, ive, whats, what, so, far, today, todays, tonight, tonights, \
         overnight, session, sessions, work, working, items, item, tasks, task, key, main, major, minor, critical, \
         important, current, currently, known, overall, final, all, list, section, high, low, medium, immediate, short, \
         long, term, this, encountered, noted, identified, week, month, day, days, other, remaining, more, details, also, found, made, here, am, pm, \
         phase, domains, features, feature, components, steps, step, part, round, pass, und, der, die, das, de, des, les, \
         la, le, el, los, las, o, os, as, da, do, e, y, et, в, и, на, possible, open, new, still, yet, not, no, which, \
         how, why, can, be, should, first, order, next, needs, need, up, out",
    )])
});

/// What a heading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What stands below it, when it says so.
    pub class: Option<Class>,
    /// Whether it names nothing else: only the kind of what follows.
    pub bare: bool,
}

/// Reads a heading's text, without its signs and numbers.
pub fn read(text: &str) -> Reading {
    let words = Words::of(text);
    let hits = HEADINGS.find(&words);
    let mut known = vec![false; words.len()];
    for (at, count) in hits.iter().map(|h| (h.at, h.words)).chain(FILLER.find(&words).iter().map(|h| (h.at, h.words))) {
        known.iter_mut().skip(at).take(count).for_each(|k| *k = true);
    }
    for (at, known) in known.iter_mut().enumerate() {
        *known |= words.at(at).chars().all(|c| c.is_ascii_digit());
    }
    let has = |class| hits.iter().any(|h| h.meaning == class);
    // What is to be seen to before something else happens.
    if words.at(0) == "before"
        && words.len() <= 7
        && !has(Class::Skip)
        && words.at(1) != "today"
        && words.at(1) != "after"
    {
        return Reading { class: Some(Class::User), bare: true };
    }
    if words.at(0) == "not" && words.len() <= 3 && !has(Class::Limit) && !has(Class::Error) {
        return Reading { class: Some(Class::Pending), bare: true };
    }
    let mut class = ORDER.iter().copied().find(|class| has(*class));
    let ended =
        ["completed", "done", "finished", "fixed", "resolved", "implemented", "delivered"].contains(&words.at(0));
    if ended && !matches!(class, None | Some(Class::User | Class::Pending)) && words.len() >= 3 {
        class = Some(Class::Done);
    }
    // What is fixed is no error, what is decided on is no blocker, what comes next is not missing.
    let solved = words_any(&words, SOLVED);
    let negated = words_any(&words, &["not", "no", "non", "un", "needs", "need", "to be", "remaining", "open"]);
    if solved && !negated && matches!(class, Some(Class::Error | Class::Blocker | Class::Limit | Class::Findings)) {
        class = Some(Class::Done);
    }
    if class == Some(Class::Pending) && has(Class::Next) && !has(Class::Limit) {
        class = Some(Class::Next);
    }
    if class == Some(Class::Skip) && (has(Class::Done) || has(Class::Files) || has(Class::Error)) && words.len() > 2 {
        class = ORDER.iter().copied().find(|c| *c != Class::Skip && has(*c));
    }
    if class == Some(Class::Next) && has(Class::Done) && !has(Class::User) && words.at(0) != "next" && solved {
        class = Some(Class::Done);
    }
    // What is the reader's is for the reader.
    let yours = |word: &str| matches!(word, "you" | "your" | "yours");
    let elsewhere = |at: usize| matches!(words.at(at.wrapping_sub(1)), "while" | "thank" | "when" | "as" | "if");
    let soft =
        matches!(class, None | Some(Class::Pending | Class::Next | Class::Notes | Class::Verify | Class::Findings));
    if soft && (0..words.len()).any(|at| yours(words.at(at)) && !elsewhere(at)) {
        return Reading { class: Some(Class::User), bare: true };
    }
    // A number of words that name a matter outweighs one that could be anything.
    let matter = known.iter().filter(|k| !**k).count();
    if matter >= 5 && !matches!(class, Some(Class::User | Class::Next | Class::Blocker | Class::Done)) {
        class = None;
    }
    Reading { class, bare: matter == 0 && class.is_some() }
}

const SOLVED: &[&str] = &[
    "fixed",
    "fixes",
    "resolved",
    "solved",
    "fix",
    "addressed",
    "closed",
    "mitigated",
    "corrected",
    "resolutions",
    "resolution",
    "unblocked",
    "cleared",
    "removed",
    "repaired",
    "behoben",
    "gelöst",
    "corrigidos",
    "corrigido",
    "corregidos",
    "resolvidos",
    "behobene",
    "behobenen",
    "gelöste",
    "resueltos",
    "corrigés",
    "исправлены",
    "исправлено",
];

fn words_any(words: &Words, wanted: &[&str]) -> bool {
    (0..words.len()).any(|at| wanted.contains(&words.at(at)))
}

/// What a heading's sign says, where its words say nothing.
pub fn by_mark(mark: Mark) -> Option<Class> {
    match mark {
        Mark::Done => Some(Class::Done),
        Mark::Waiting => Some(Class::Pending),
        Mark::Doing => Some(Class::Doing),
        Mark::Failed => Some(Class::Error),
        Mark::Stopped => Some(Class::Blocker),
        Mark::Warning | Mark::Dot => None,
    }
}
