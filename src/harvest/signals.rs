//! What the words of one line say: that something was done, is missing, fails, waits, or is asked of the reader.

use super::lexicon::{Hit, Lexicon, Words};
use std::sync::LazyLock;

/// What a phrase says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Somebody did something: added, fixed.
    Did,
    /// A good state: complete, passes.
    Good,
    /// Work under way.
    Doing,
    /// Work that is to be done.
    Todo,
    /// A thing that does not exist or was not done.
    Undone,
    /// Something waits.
    Wait,
    /// Something cannot go on.
    Block,
    /// The reader is asked for something.
    User,
    /// The reader may be asked for something.
    Ask,
    /// Trouble, when nothing takes it back.
    Bad,
    /// Trouble that lasts.
    Worse,
    /// What it does not do.
    Limit,
    /// A choice.
    Decide,
    /// What somebody would do next.
    Plan,
    /// A verb that orders, where it begins a line.
    Order,
    /// No, zero, without.
    No,
    /// What makes trouble a thing's name: error handling.
    Handled,
    /// What takes trouble back: fixed, no longer.
    Cured,
    /// A place to be filled in.
    Blank,
}

static LINES: LazyLock<Lexicon<Signal>> = LazyLock::new(|| {
    Lexicon::new(&[
        (
            Signal::Did,
            "added, created, implemented, built, fixed, resolved, updated, upgraded, removed, deleted, refactored, wrote, \
             written, rewrote, integrated, configured, deployed, migrated, merged, committed, pushed, tagged, released, \
             published, shipped, installed, enabled, disabled, enhanced, improved, optimized, optimised, replaced, renamed, \
             moved, extracted, converted, designed, documented, generated, tested, verified, validated, confirmed, \
             reviewed, audited, analyzed, analysed, investigated, diagnosed, identified, discovered, found, established, \
             introduced, extended, exposed, wired, hooked, connected, registered, reduced, increased, eliminated, cleaned, \
             closed, completed, finished, delivered, achieved, ran, reran, executed, loaded, imported, exported, seeded, \
             backfilled, populated, processed, copied, synced, applied, reverted, restored, recovered, hardened, secured, \
             patched, bumped, pinned, split, unified, consolidated, simplified, standardized, normalized, cached, indexed, \
             scheduled, automated, corrected, aligned, adjusted, tuned, reproduced, isolated, ported, set, setup, made, \
             got, switched, cut, dropped, stripped, rebuilt, reworked, restructured, reorganized, expanded, filled, \
             landed, rebased, triaged, addressed, handled, successfully, drafted, prepared, researched, measured, \
             profiled, benchmarked, instrumented, covered, ensured, prevented, supported, mapped, parsed, archived, \
             labelled, labeled, answered, caught, pulled, fetched, downloaded, uploaded, scraped, crawled, spent, began, showed, sent, fell, rose, sped, found out, tracked down, trained, \
             evaluated, compared, swept, shrunk, saved, parallelized, deduplicated, dedupped, swapped, stopped, started, \
             launched, rolled, marked, gave, taught, brought, turned, made sure, took, put, kept, \
             hinzugefügt, erstellt, implementiert, behoben, aktualisiert, entfernt, umgesetzt, geschrieben, getestet, \
             adicionado, adicionada, criado, criada, criados, implementado, implementada, corrigido, corrigida, atualizado, \
             atualizada, removido, removida, añadido, creado, creada, corregido, actualizado, eliminado, agregado, ajouté, \
             créé, corrigé, implémenté, mis à jour, supprimé, добавлен, добавлена, добавлено, добавлены, создан, создана, \
             создано, исправлен, исправлена, исправлено, исправлены, реализован, реализована, реализовано, удалено, \
             обновлено, 추가, 생성, 구현, 수정, 개선, 적용, 해결, 追加, 修正しました, 作成, 実装, 添加, 创建, 修复, 新增, 实现",
        ),
        (
            Signal::Good,
            "complete, completed, done, finished, working, works, passing, passes, passed, pass, all pass, green, ready, \
             success, successful, succeeded, ok, operational, functional, live, healthy, stable, clean, verified, shipped, \
             merged, deployed, resolved, fixed, closed, implemented, delivered, achieved, active, available, supported, \
             approved, byte identical, identical, matches, no regressions, zero regressions, up to date, in place, \
             production ready, fully, intact, correct, correctly, wired, covered, enabled, landed, met, 100, \
             fertig, erledigt, abgeschlossen, bestanden, erfolgreich, funktioniert, behoben, concluído, concluída, \
             concluídos, feito, pronto, funcionando, passando, sucesso, aprovado, completado, completo, listo, hecho, \
             exitoso, funciona, terminé, réussi, fonctionne, passent, готово, завершено, выполнено, успешно, работает, \
             пройдены, 완료, 성공, 통과, 정상, 完了, 成功, 合格, 已完成, 完成, 通过",
        ),
        (
            Signal::Doing,
            "in progress, wip, working on, under way, underway, ongoing, in flight, currently working, being implemented, \
             being worked, still running, still in progress, now testing, now working, now running, being built, being written, \
             partially complete, partially done, partially implemented, partly done, halfway, half done, continuing, \
             started but, work in progress, under construction, being tested, being migrated, mid way, \
             in arbeit, läuft noch, em andamento, em progresso, en progreso, en curso, en cours, в процессе, в работе, \
             진행 중, 진행중, 작업 중, 進行中, 作業中, 进行中",
        ),
        (
            Signal::Todo,
            "todo, to do, tbd, pending, remaining, remains to be, needs to be, need to be, still needs, still need, \
             still to do, left to do, to be done, should be added, will be added, next session, upcoming, deferred, \
             postponed, planned, follow up, later, future, queued, not started, scheduled for, yet to be, \
             remains open, still open, is open, left for, left over, in a future, for a later, \
             ausstehend, noch offen, noch zu, geplant, pendente, falta, faltam, pendiente, por hacer, en attente, reste à, \
             запланировано, осталось, ожидает, 미완료, 예정, 대기, 남음, 보류, 未完了, 予定, 保留, 待办, 未完成, 计划",
        ),
        (
            Signal::Undone,
            "not yet, not implemented, not built, not done, not started, not created, not committed, not pushed, not merged, \
             not deployed, not included, not finished, not complete, not completed, not wired, not connected, unimplemented, \
             not added, not written, not migrated, not applied, not addressed, not fixed, not integrated, not available yet, \
             incomplete, unfinished, didnt get to, did not get to, ran out of time, havent, has not been, have not been, \
             hasnt been, havent been, skipped for now, left undone, left open, left unfinished, yet to, isnt done, \
             noch nicht, nicht implementiert, nicht fertig, ainda não, não implementado, todavía no, aún no, no implementado, \
             pas encore, non implémenté, ещё не, еще не, не реализовано, 아직, 미구현, 未実装, 未实现, まだ",
        ),
        (
            Signal::Wait,
            "waiting for, waiting on, waits for, waits on, awaiting, awaits, on hold, held until, held for, \
                        paused until, wartet auf, aguardando, esperando, en attente de, ожидает, ждёт, ждет, 대기 중, 待ち, 等待",
        ),
        (
            Signal::Block,
            "blocked, blocked by, blocked on, blocker, blockers, blocks, blocking, cannot proceed, cant proceed, \
             could not proceed, couldnt proceed, unable to proceed, cannot continue, cant continue, unable to continue, \
             stuck, no go, showstopper, impossible until, not possible until, cannot be done until, cant be done until, \
             no access, lack of access, dont have access, do not have access, permission denied, credentials missing, \
             missing credentials, no credentials, needs credentials, needs access, requires credentials, requires access, \
             blockiert, bloqueado, bloqueada, bloqueio, bloqué, bloquée, заблокировано, 차단, 막힘, 阻塞",
        ),
        (
            Signal::User,
            "you need to, you needs to, you must, you will need, youll need, you have to, youll have to, you should, \
             you may want, you might want, youll want, you want to, up to you, your call, your decision, \
             your approval, your review, your confirmation, your attention, your action, \
             your sign off, your go ahead, need you to, needs you to, needs your, need your, requires your, \
             require your, waiting on you, waiting for you, awaiting your, would you prefer, \
             do you want, should i, shall i, what would you, \
             which do you, how do you want, want me to, id like you, i need you, we need you, user action, action required, \
             action needed, user must, user needs to, user should, user has to, user approval, \
             owner must, owner needs, owner decision, owner approval, \
             operator must, operator needs, operator action, maintainer decision, human decision, \
             human approval, needs human, needs a human, requires human, requires a human, human must, \
             needs manual, requires manual, require manual, manual step required, manual intervention, must be done manually, \
             must be run by, must be done by, awaiting approval, awaiting review, awaiting sign off, needs review, needs approval, \
             needs a decision, needs decision, decision needed, ready for your, requires approval, \
             pending approval, pending review, awaiting user, waiting for user, waiting on user, waiting for approval, \
             sie müssen, bitte, du musst, bitte prüfen, entscheiden sie, você precisa, voce precisa, por favor, sua aprovação, \
             aguardando aprovação, precisa da sua, tienes que, necesitas, debes, tu aprobación, vous devez, veuillez, \
             sil vous plaît, votre accord, tu dois, вам нужно, вам необходимо, пожалуйста, нужно ваше, требуется ваше, \
             необходимо подтвердить, 필요합니다, 해주세요, 하세요, 확인해, 승인, 부탁, 결정해, 해야 합니다, ください, お願い, 必要です, \
             請, 请, 需要你, 需要您, 您需要",
        ),
        (
            Signal::Ask,
            "please, let me know, tell me, can you, could you, would you, should we, shall we, your input, your help, for you to, \
             your credentials, you can decide, ready for review, manual step, manual action, manual steps, manually, by hand, \
             sign off, before you, once you, when you, if you want, if you prefer, if you agree, choose, decide whether, \
             user input, user decision, user confirmation, human review, human input, to confirm, to decide, confirm that, \
             confirm whether, you can, on your machine, your account, your system, your machine, your laptop, your phone, \
             needs the, needs a, needs an, need the, must be, has to be",
        ),
        (
            Signal::Bad,
            "error, errors, fail, fails, failed, failing, failure, failures, crash, crashes, crashed, exception, exceptions, \
             bug, bugs, broken, breaks, broke, regression, regressions, panic, panics, panicked, traceback, timeout, timeouts, \
             timed out, segfault, deadlock, race condition, memory leak, leaks, leak, loses, corrupts, freezes, stalls, vulnerability, vulnerabilities, \
             corrupt, corrupted, corruption, mismatch, denied, refused, rejected, unreachable, http 400, http 401, http 403, http 404, http 429, http 500, http 502, http 503, returns 500, returns 404, \
             with 400, with 401, with 403, with 404, with 429, with 500, with 502, with 503, a 500, a 404, 500s, status 500, oom, \
             out of memory, wrong, incorrect, incorrectly, invalid, missing, stale, unsafe, insecure, flaky, red, aborted, \
             unhandled, undefined, data loss, lost, hangs, hung, conflict, conflicts, garbage, unsound, exposes, bypass, injection, \
             fehler, fehlgeschlagen, kaputt, abgestürzt, erro, erros, falha, falhou, falhas, quebrado, fallo, falló, fallos, \
             errores, erreur, erreurs, échec, échoué, ошибка, ошибки, сбой, упал, упали, сломан, 오류, 에러, 실패, 버그, 문제, \
             エラー, 失敗, バグ, 错误, 失败, 问题",
        ),
        (
            Signal::Worse,
            "still failing, still fails, still fail, fails with, failed with, failing with, fails on, fails when, fails to, \
             failed to, failing to, does not work, doesnt work, do not work, dont work, did not work, didnt work, not working, \
             is broken, are broken, currently broken, currently failing, still broken, crashes when, crashes on, crashes with, \
             exited with, threw, throws, could not, couldnt, unable to, cannot reproduce, cant reproduce, still crashes, not resolved, unresolved, root cause, \
             is failing, are failing, is red, went wrong, never fires, never called, never runs, silently fails, \
             silently ignored, silently dropped, funktioniert nicht, schlägt fehl, não funciona, no funciona, \
             ne fonctionne pas, не работает, не удалось, падает, 작동하지, 동작하지 않",
        ),
        (
            Signal::Limit,
            "limitation, limitations, limited to, limited, known issue, mock, mocked, mocks, stub, stubbed, stubs, placeholder, \
             hardcoded, hard coded, does not support, doesnt support, not supported, unsupported, only supports, only works, \
             skipped, not tested, untested, unverified, not verified, not run, not measured, not checked, not covered, \
             not exercised, never exercised, never run, never tested, not validated, wasnt tested, was not tested, \
             nothing was, nothing tested, not been tested, not been tried, not been run, not been verified, not tried, could not test, couldnt test, could not verify, couldnt verify, could not be tested, could not be verified, \
             cannot verify, cant verify, cannot test, \
             caveat, workaround, read only, out of scope, approximate, approximation, best effort, heuristic, \
             not guaranteed, no support, still reads, still uses, still depends, assumes, assumption, \
             experimental, unknown, unclear, not confirmed, unconfirmed, no way to, for now, temporary, temporarily, \
             single node only, not thread safe, dead code, guessed, i guess, i assume, only the happy path, unused, ignored, xfail, wont fix, wontfix, accepted risk, as designed, warnings, no coverage, no tests, without tests, by design, risk, \
             nicht getestet, nicht unterstützt, eingeschränkt, não testado, não suportado, limitado, sin probar, no probado, \
             no soportado, non testé, non pris en charge, не тестировалось, не проверено, не поддерживается, ограничено, \
             미검증, 테스트하지, 지원하지, 未テスト, 未検証, 未测试, 不支持",
        ),
        (
            Signal::Decide,
            "decided, decision, chose, chosen, opted, picked, rationale, rejected, agreed, we will use, going with, settled on, \
             prefer, preferred, in favor of, in favour of, trade off, tradeoff, instead of, deliberately, intentionally, \
             on purpose, source of truth, entschieden, entscheidung, decidido, decidimos, decisão, decisión, décidé, choisi, \
             решено, решили, выбрали, 결정, 선택, 決定, 决定, 选择",
        ),
        (
            Signal::Order,
            "add, create, implement, build, fix, resolve, update, upgrade, remove, delete, refactor, write, rewrite, integrate, \
             configure, deploy, migrate, merge, commit, push, tag, release, publish, ship, install, enable, disable, enhance, \
             improve, optimize, replace, rename, move, extract, convert, design, document, generate, test, verify, validate, \
             confirm, review, audit, analyze, investigate, identify, establish, introduce, extend, expose, wire, connect, \
             register, reduce, eliminate, clean, close, complete, finish, deliver, run, rerun, execute, load, import, \
             export, seed, backfill, populate, process, copy, sync, apply, revert, restore, harden, secure, patch, bump, pin, \
             split, unify, consolidate, simplify, standardize, cache, schedule, automate, correct, check, monitor, track, \
             set up, set, open, read, use, consider, evaluate, decide, choose, approve, provide, start, stop, restart, \
             continue, pick, rotate, revoke, accept, grant, sign, send, ask, plan, prepare, measure, profile, benchmark, \
             ensure, make, pass, bring, try, rebase, resume, switch, wait, look, explore, collect, gather, train, retry, \
             prüfen, hinzufügen, erstellen, adicionar, criar, implementar, corrigir, testar, revisar, executar, atualizar, \
             añadir, crear, corregir, probar, ejecutar, ajouter, créer, corriger, tester, vérifier, lancer, добавить, \
             создать, исправить, проверить, запустить, написать",
        ),
        (
            Signal::Plan,
            "next i, next we, i would, i plan, we plan, i recommend, we recommend, i suggest, we suggest, recommend, recommended, \
             suggest, suggested, would be to, worth trying, worth doing, id start, i will, we will, going to, the next step, \
             next step is, the next, next up, consider, ich würde, als nächstes, eu faria, recomendo, recomiendo, je recommande, рекомендую, 권장",
        ),
        (
            Signal::No,
            "no, not, zero, 0, without, never, none, non, nothing, nobody, kein, keine, ohne, sem, nenhum, nenhuma, sin, ningún, \
                      ninguna, aucun, aucune, sans, нет, без, 없음, 없이",
        ),
        (
            Signal::Handled,
            "handling, handler, handlers, logging, message, messages, types, type, detection, alerts, alerting, boundary, boundaries, \
             code, codes, recovery, rate, rates, tracking, reporting, states, state, page, pages, class, classes, response, \
             responses, log, logs, budget, cases, case, paths, path, visibility, correction, checking, prevention, toast, \
             capture, monitoring, mapping, context, safe, safety, free, proof, tolerant, tolerance, detector, report, fixes, \
             fix, test, tests, scenarios, injection, mode, modes, rows, count, counts, spike, template, enum, variants",
        ),
        (
            Signal::Cured,
            "fixed, resolved, solved, fix, fixes, no longer, corrected, addressed, cured, gone, mitigated, eliminated, handled, \
             prevented, prevents, prevent, avoids, avoid, recovered, caught, patched, closed, cleared, unblocked, repaired, \
             now passes, now pass, now works, now work, works again, removed, behoben, gelöst, corrigido, corrigida, corregido, \
             resolvido, resuelto, corrigé, résolu, исправлено, исправлена, исправлен, устранено, 해결, 수정, 修正, 修复, 解決, 解决",
        ),
        (
            Signal::Blank,
            "filled in, fill in, to be filled, to be added at, will be replaced, will be filled, will be updated, placeholder, \
             to be completed, to be written, to be determined, insert here, your text here, lorem ipsum, write here, \
             wird ergänzt, a preencher, por completar, à compléter, заполнить",
        ),
    ])
});

/// A line's words and what was found in them.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The words.
    pub words: Words,
    hits: Vec<Hit<Signal>>,
}

impl Reading {
    /// Reads a line.
    pub fn of(text: &str) -> Self {
        let words = Words::of(text);
        let mut hits = LINES.find(&words);
        for at in 0..words.len() {
            // `please grant it` asks, `please note` does not.
            if matches!(words.at(at), "please" | "pls")
                && !matches!(words.at(at + 1), "note" | "see" | "refer" | "find" | "")
            {
                hits.push(Hit { meaning: Signal::User, at, words: 1 });
            }
            // `being rewritten` is under way, `exit 1` failed.
            let after = words.at(at + 1);
            if words.at(at) == "being"
                && ["ed", "en", "lt", "wn", "ne", "de", "it", "un"].iter().any(|end| after.ends_with(end))
            {
                hits.push(Hit { meaning: Signal::Doing, at, words: 2 });
            }
            if matches!(words.at(at), "exit" | "exited" | "rc") {
                let skipped = (1..3).find(|by| words.at(at + by).starts_with(|c: char| c.is_ascii_digit()));
                if let Some(by) =
                    skipped.filter(|by| *by == 1 || matches!(words.at(at + 1), "code" | "status" | "with"))
                {
                    let meaning = if words.at(at + by) == "0" { Signal::Good } else { Signal::Worse };
                    hits.push(Hit { meaning, at, words: by + 1 });
                }
            }
        }
        Self { words, hits }
    }

    /// Whether it says this anywhere.
    pub fn has(&self, signal: Signal) -> bool {
        self.hits.iter().any(|h| h.meaning == signal)
    }

    /// Whether it begins with this.
    pub fn begins(&self, signal: Signal) -> bool {
        self.hits.iter().any(|h| h.meaning == signal && h.at == 0)
    }

    /// Whether it begins with this once "I", "we have", "also" and the like are taken away.
    pub fn leads(&self, signal: Signal) -> bool {
        let start = (0..self.words.len()).find(|&at| !LEAD_IN.contains(&self.words.at(at))).unwrap_or(0);
        self.hits.iter().any(|h| h.meaning == signal && h.at == start)
            || (signal == Signal::Did && is_past(self.words.at(start)))
    }

    /// Whether it says this and does not deny it.
    pub fn says(&self, signal: Signal) -> bool {
        self.hits.iter().any(|h| h.meaning == signal && !self.denied(*h))
    }

    /// Whether it says this only to deny it.
    pub fn denies(&self, signal: Signal) -> bool {
        self.has(signal) && !self.says(signal)
    }

    /// Whether it tells only when something was made: `Started 22:40`.
    pub fn dates(&self) -> bool {
        let begins = matches!(
            self.words.at(0),
            "started"
                | "finished"
                | "completed"
                | "generated"
                | "updated"
                | "created"
                | "ended"
                | "date"
                | "last"
                | "written"
                | "prepared"
        );
        begins
            && self.words.len() <= 12
            && (1..4).any(|at| {
                let word = self.words.at(at);
                word.starts_with(|c: char| c.is_ascii_digit()) && at <= 2
                    || matches!(word, "updated" | "by" | "utc") && at == 1
            })
    }

    /// The place of the first word that says this.
    pub fn first(&self, signal: Signal) -> Option<usize> {
        self.hits.iter().filter(|h| h.meaning == signal).map(|h| h.at).min()
    }

    /// How often it says this.
    pub fn count(&self, signal: Signal) -> usize {
        self.hits.iter().filter(|h| h.meaning == signal).count()
    }

    /// Whether it only announces what follows: "here is what I did".
    pub fn announces(&self) -> bool {
        (0..3).any(|at| {
            matches!(self.words.at(at), "heres" | "below" | "herein")
                || (self.words.at(at) == "here" && matches!(self.words.at(at + 1), "is" | "are"))
                || (self.words.at(at) == "this"
                    && self.words.at(at + 1) == "is"
                    && matches!(self.words.at(at + 2), "a" | "the" | "an"))
                || (self.words.at(at) == "this"
                    && matches!(self.words.at(at + 1), "document" | "report" | "file" | "page" | "log"))
        })
    }

    /// Whether there is trouble that is neither denied nor a thing's name.
    pub fn trouble(&self) -> bool {
        self.hits.iter().any(|h| h.meaning == Signal::Bad && !self.denied(*h) && !self.named(*h))
            || self.says(Signal::Worse)
    }

    /// Whether something is said to be in trouble, not only to have to do with it: `three files are corrupt`.
    pub fn ails(&self) -> bool {
        let is = |at: usize| {
            matches!(self.words.at(at), "is" | "are" | "was" | "were" | "still" | "got" | "returned" | "returns")
        };
        let bad = |h: &&Hit<Signal>| h.meaning == Signal::Bad && !self.denied(**h) && !self.named(**h);
        self.hits.iter().filter(bad).any(|h| h.at > 0 && is(h.at - 1))
    }

    /// `no x`, `0 test x`, `without any x`, `x: 0`, `x: none`.
    fn denied(&self, hit: Hit<Signal>) -> bool {
        // `phase 0 ready` denies nothing, `0 errors` does.
        let counts = matches!(hit.meaning, Signal::Bad | Signal::Worse | Signal::Block);
        let no = |at: usize| {
            self.hits.iter().any(|h| h.meaning == Signal::No && h.at == at) && (counts || self.words.at(at) != "0")
        };
        let before = hit.at.saturating_sub(3)..hit.at;
        let after = hit.at + hit.words;
        before.clone().any(|at| no(at) && !self.turns(at + 1, hit.at) && !self.words.breaks(at, hit.at))
            || matches!(self.words.at(after), "0" | "none" | "zero" | "free")
    }

    /// Whether a word between the two begins another thought.
    fn turns(&self, from: usize, to: usize) -> bool {
        (from..to)
            .any(|at| matches!(self.words.at(at), "but" | "only" | "and" | "however" | "yet" | "because" | "with"))
    }

    fn named(&self, hit: Hit<Signal>) -> bool {
        let after = hit.at + hit.words;
        self.hits.iter().any(|h| h.meaning == Signal::Handled && h.at == after)
            || matches!(
                self.words.at(hit.at.saturating_sub(1)),
                "handles" | "handle" | "catches" | "detects" | "reports"
            )
    }
}

/// Whether a word looks like a verb in its past.
fn is_past(word: &str) -> bool {
    word.len() >= 5
        && word.ends_with("ed")
        && !matches!(
            word,
            "speed"
                | "embed"
                | "based"
                | "related"
                | "required"
                | "expected"
                | "recommended"
                | "deprecated"
                | "estimated"
                | "nested"
                | "advanced"
                | "limited"
                | "detailed"
                | "unused"
                | "failed"
                | "blocked"
                | "skipped"
                | "deferred"
                | "planned"
                | "proposed"
                | "suggested"
                | "hundred"
                | "indeed"
                | "mixed"
                | "scheduled"
                | "needed"
                | "mocked"
                | "stubbed"
                | "unresolved"
                | "unverified"
                | "untested"
                | "unsupported"
                | "crashed"
                | "needed "
                | "exceed"
                | "succeed"
                | "proceed"
                | "hardcoded"
                | "unimplemented"
                | "unfinished"
                | "postponed"
                | "queued"
                | "aborted"
                | "rejected"
                | "targeted"
                | "broadened"
                | "distributed"
                | "shared"
                | "typed"
                | "signed"
                | "embedded"
                | "preferred"
                | "unhandled"
                | "undefined"
                | "guessed"
                | "animated"
                | "encrypted"
                | "authenticated"
                | "unexpected"
                | "desired"
                | "intended"
                | "assumed"
                | "unlimited"
        )
}

/// Words before the verb that say nothing of what was done.
const LEAD_IN: &[&str] = &[
    "i",
    "we",
    "ive",
    "weve",
    "agent",
    "also",
    "then",
    "finally",
    "now",
    "just",
    "have",
    "has",
    "had",
    "been",
    "was",
    "were",
    "is",
    "are",
    "the",
    "a",
    "an",
    "and",
    "fully",
    "manually",
    "carefully",
    "already",
    "first",
    "next",
    "new",
    "both",
    "all",
    "it",
    "this",
    "that",
    "properly",
    "newly",
    "re",
    "quickly",
    "again",
    "successfully",
    "agents",
    "claude",
    "codex",
    "team",
    "so",
];
