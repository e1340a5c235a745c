//! What tmux would make of hostile or unlucky input, and that our commands do not let it.

use crate::lab::{Lab, argv, attempt, name, sleeper, until};
use nightkeep::adapters::tmux::{SessionStart, SessionStarted, Tmux, TmuxError, attach_argv, version};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

async fn start(tmux: &Tmux, session: &str, words: &[String]) -> Result<SessionStarted, TmuxError> {
    let (name, attempt) = (name(session), attempt(&format!("2026-11-21/{session}/1.1")));
    tmux.start_session(&SessionStart { name: &name, attempt: &attempt, argv: words, size: (120, 40) }).await
}

/// Shows that nothing of what was sent ran as a command. A command of the same kind, planted by us afterwards, must show
/// first: it proves that the trap works and that there was time for it.
async fn nothing_ran(lab: &Lab, tmux: &Tmux) {
    let control = lab.path().join("control");
    // Over our connection: tmux gives such a job up when its client leaves.
    let planted = format!("#(touch '{}')", control.display());
    tmux.command(&argv(&["display-message", "-p", &planted])).await.unwrap();
    until("the planted command ran", || async { control.exists() }).await;
    let here = std::env::current_dir().unwrap();
    for dir in [lab.path(), here.as_path(), std::path::Path::new("/")] {
        assert!(!dir.join("pwned").exists(), "{}", dir.display());
    }
}

#[tokio::test]
async fn arguments_reach_the_recorder_as_they_are() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let touch = format!("#(touch {}/pwned)", lab.path().display());
    let seen = lab.path().join("seen");
    let hostile = [
        &touch,
        "#{pid}",
        "#[fg=red]",
        "a;",
        ";",
        r"b\;",
        "it's",
        "\"q\"",
        "$(x) `y` $HOME ~",
        "",
        "-t",
        "--",
        "ü\u{202e}",
    ];
    let script = format!("printf '%s\\n' \"$@\" >{0}.new; mv {0}.new {0}; exec sleep 600", seen.display());
    let mut words = argv(&["/bin/sh", "-c", &script, "sh"]);
    words.extend(hostile.iter().map(|w| (*w).to_owned()));
    start(&tmux, "hostile", &words).await.unwrap();
    until("the program wrote its arguments", || async { seen.exists() }).await;
    let expected: String = hostile.iter().map(|w| format!("{w}\n")).collect();
    assert_eq!(fs::read_to_string(&seen).unwrap(), expected);
    nothing_ran(&lab, &tmux).await;
}

#[tokio::test]
async fn folders_with_format_syntax_in_their_names_stay_folders() {
    let lab = Lab::in_folder("#(touch pwned) #{pid};");
    let tmux = lab.connect().await.tmux;
    let run = lab.folder().join("logs/runs/cwd/2026-11-21-1.1");
    let seen = lab.path().join("seen");
    let script = format!("printf %s \"$2\" >{0}.new; mv {0}.new {0}; exec sleep 600", seen.display());
    start(&tmux, "cwd", &argv(&["/bin/sh", "-c", &script, "exec", "--run", run.to_str().unwrap()])).await.unwrap();
    until("the program saw its folder", || async { seen.exists() }).await;
    assert_eq!(fs::read_to_string(&seen).unwrap(), run.to_str().unwrap());
    assert_eq!(lab.ask(&["display", "-p", "-t", "=cwd:", "#{session_path}"]).trim(), "/");
    nothing_ran(&lab, &tmux).await;
}

#[tokio::test]
async fn a_mark_with_format_syntax_stays_text() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let session = start(&tmux, "job", &sleeper()).await.unwrap();
    let value = format!("#(touch {}/pwned) #{{pid}} #[fg=red];", lab.path().display());
    tmux.command(&argv(&["set-option", "-p", "-t", &session.pane_id, "@nk_run", &value])).await.unwrap();
    assert_eq!(tmux.list().await.unwrap()[0].nk_run, value);
    nothing_ran(&lab, &tmux).await;
}

#[tokio::test]
async fn a_name_that_only_begins_alike_is_not_meant() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    start(&tmux, "job10", &sleeper()).await.unwrap();
    let attach: Vec<String> =
        attach_argv(&lab.places.socket, &name("job1")).iter().map(|w| w.to_string_lossy().into_owned()).collect();
    let out = Command::new(&attach[0]).args(&attach[1..]).env_remove("TMUX").output().unwrap();
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("can't find session"), "{out:?}");
    for target in ["job1", "=job1:", "job10", "$", "$x", ""] {
        let error = tmux.kill_session(target).await.unwrap_err();
        assert!(matches!(error, TmuxError::Unsendable { .. }), "{error}");
    }
    // A session that is not there, by an id that is a prefix of nothing.
    tmux.kill_session("$999").await.unwrap();
    assert_eq!(tmux.list().await.unwrap().len(), 1);
    start(&tmux, "job1", &sleeper()).await.unwrap();
    assert_eq!(tmux.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_too_long_or_holds_a_line_end_is_refused_by_us() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let long = argv(&["/bin/echo", &"x".repeat(17_000)]);
    let many = vec!["/bin/echo".to_owned(); 1_001];
    for words in
        [long, many, argv(&["/bin/echo", "a\nkill-server"]), argv(&["/bin/echo", "a\0b"]), argv(&["/bin/echo"])]
    {
        let error = start(&tmux, "job", &words).await.unwrap_err();
        assert!(matches!(error, TmuxError::Unsendable { .. }), "{error}");
        assert!(!error.may_have_happened());
    }
    assert_eq!(tmux.list().await.unwrap(), []);
    // Just below the limit goes through whole.
    let words = argv(&["/bin/sh", "-c", "exec sleep 600", &"x".repeat(15_000)]);
    start(&tmux, "job", &words).await.unwrap();
}

#[tokio::test]
async fn errors_belong_to_their_command() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let (bad, good, missing) =
        (argv(&["no-such-command"]), argv(&["display-message", "-p", "fine"]), argv(&["list-panes", "-t", "=none:"]));
    for _ in 0..50 {
        let (a, b, c, d) =
            tokio::join!(tmux.command(&bad), tmux.command(&good), tmux.command(&missing), tmux.command(&good));
        assert!(matches!(a.unwrap_err(), TmuxError::Refused { message, .. } if message.contains("unknown command")));
        assert!(matches!(c.unwrap_err(), TmuxError::Refused { message, .. } if message.contains("find")));
        assert_eq!((b.unwrap(), d.unwrap()), (vec![b"fine".to_vec()], vec![b"fine".to_vec()]));
    }
}

#[tokio::test]
async fn replies_may_hold_bytes_that_are_not_text() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    start(&tmux, "job", &sleeper()).await.unwrap();
    let out = Command::new("tmux")
        .arg("-S")
        .arg(&lab.places.socket)
        .args(["set-option", "-p", "-t", "=job:", "@nk_run"])
        .arg(std::ffi::OsStr::from_bytes(b"a\xff\xfeb"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    let run = tmux.list().await.unwrap()[0].nk_run.clone();
    assert!(run.starts_with('a') && run.ends_with('b') && run.contains('\u{fffd}'), "{run:?}");
}

#[tokio::test]
async fn a_line_end_in_a_mark_cannot_fake_a_pane_that_breaks_the_list() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    start(&tmux, "job", &sleeper()).await.unwrap();
    lab.ask(&["set-option", "-p", "-t", "=job:", "@nk_run", "x\n%end 1 1 1\n%exit\nrubbish"]);
    let panes = tmux.list().await.unwrap();
    assert_eq!(panes.len(), 1);
    assert_eq!(panes[0].nk_run, "x");
    assert_eq!(tmux.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn neither_the_users_configuration_nor_their_tmux_matters() {
    let lab = Lab::new();
    fs::write(
        lab.path().join(".tmux.conf"),
        format!(
            "run-shell 'touch {}/pwned'\nset -g destroy-unattached on\nset -g default-command /bin/false\n",
            lab.path().display()
        ),
    )
    .unwrap();
    // The user has a server of their own.
    let own = lab.path().join("own.sock");
    let out =
        Command::new("tmux").arg("-S").arg(&own).args(["-f", "/dev/null", "new-session", "-d", "-s", "mine"]).output();
    assert!(out.unwrap().status.success());
    let places = nightkeep::adapters::tmux::Places { home: lab.path().into(), ..lab.places.clone() };
    let connected = Tmux::connect(&places).await.unwrap();
    start(&connected.tmux, "job", &sleeper()).await.unwrap();
    assert_eq!(connected.tmux.list().await.unwrap().len(), 1);
    assert!(!lab.path().join("pwned").exists());
    let theirs =
        Command::new("tmux").arg("-S").arg(&own).args(["list-sessions", "-F", "#{session_name}"]).output().unwrap();
    assert_eq!(theirs.stdout, b"mine\n");
    let _ = Command::new("tmux").arg("-S").arg(&own).arg("kill-server").output();
}

#[tokio::test]
async fn no_global_window_size_and_every_window_keeps_its_own() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    start(&tmux, "job", &sleeper()).await.unwrap();
    assert_eq!(lab.ask(&["show-options", "-gwv", "window-size"]).trim(), "latest");
    assert_eq!(lab.ask(&["show-options", "-wv", "-t", "=job:", "window-size"]).trim(), "manual");
    assert!(!fs::read_to_string(&lab.places.conf).unwrap().contains("window-size"));
    for (option, value) in [("remain-on-exit", "off"), ("allow-rename", "off")] {
        assert_eq!(lab.ask(&["show-options", "-gwv", option]).trim(), value);
    }
    assert_eq!(lab.ask(&["show-options", "-sv", "exit-empty"]).trim(), "off");
    assert_eq!(lab.ask(&["show-options", "-gv", "destroy-unattached"]).trim(), "off");
    assert_eq!(lab.ask(&["show-options", "-gv", "default-size"]).trim(), "200x50");
    assert_eq!(lab.ask(&["show-options", "-sv", "default-terminal"]).trim(), "tmux-256color");
}

#[tokio::test]
async fn a_person_with_a_small_terminal_leaves_the_size_alone() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    start(&tmux, "job", &sleeper()).await.unwrap();
    // Their terminal is a pane of a tmux of their own.
    let own = lab.path().join("own.sock");
    let their = |words: &[&str]| {
        let out = Command::new("tmux").arg("-S").arg(&own).args(["-f", "/dev/null"]).args(words).output().unwrap();
        assert!(out.status.success(), "{out:?}");
    };
    let attach = attach_argv(&lab.places.socket, &name("job"));
    let mut words = vec!["new-session", "-d", "-x", "80", "-y", "24", "--", "env", "-u", "TMUX"];
    words.extend(attach.iter().map(|word| word.to_str().unwrap()));
    their(&words);
    let clients = || lab.ask(&["list-clients", "-t", "=job:"]).lines().count();
    until("they are attached", || async { clients() == 1 }).await;
    let size = || lab.ask(&["display", "-p", "-t", "=job:", "#{window_width}x#{window_height}"]);
    assert_eq!(size().trim(), "120x40");
    their(&["kill-server"]);
    until("they are gone", || async { clients() == 0 }).await;
    assert_eq!(size().trim(), "120x40");
}

#[tokio::test]
async fn nothing_of_our_environment_gets_into_the_server() {
    let lab = Lab::new();
    // Run ourselves again with a secret in the environment, as a person who exported one would.
    if std::env::var_os("NK_FAKE_SECRET").is_none() {
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hazards::nothing_of_our_environment_gets_into_the_server", "--nocapture"])
            .env("NK_FAKE_SECRET", "hunter2-in-the-clear")
            .env("TMUX", "/nonexistent/sock,1,0")
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        assert!(String::from_utf8_lossy(&out.stdout).contains("1 passed"));
        return;
    }
    let tmux = lab.connect().await.tmux;
    let session = start(&tmux, "job", &sleeper()).await.unwrap();
    let global = lab.ask(&["show-environment", "-g"]);
    let mut names: Vec<&str> = global.lines().filter_map(|l| l.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "PWD"]);
    let session_env = lab.ask(&["show-environment", "-t", "=job:"]);
    let server_env = fs::read(format!("/proc/{}/environ", tmux.server().pid)).unwrap();
    let pane_env = fs::read(format!("/proc/{}/environ", session.pane_pid)).unwrap();
    for env in [global.as_bytes(), session_env.as_bytes(), &server_env, &pane_env] {
        let env = String::from_utf8_lossy(env);
        assert!(
            !env.contains("hunter2") && !env.contains("NK_FAKE_SECRET") && !env.contains("/nonexistent/sock"),
            "{env}"
        );
    }
}

#[tokio::test]
async fn an_old_or_missing_tmux_is_told_by_name() {
    let lab = Lab::new();
    let fake = lab.path().join("tmux");
    fs::write(&fake, "#!/bin/sh\necho 'tmux 3.2a'\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&fake).status().unwrap().success());
    let old = nightkeep::adapters::tmux::Places { tmux: fake, ..lab.places.clone() };
    let error = Tmux::connect(&old).await.unwrap_err();
    assert_eq!(error.to_string(), "tmux \"3.2a\" cannot be used, 3.3 or newer is needed");
    let none = nightkeep::adapters::tmux::Places { tmux: "/nonexistent/tmux".into(), ..lab.places.clone() };
    assert!(Tmux::connect(&none).await.unwrap_err().to_string().starts_with("/nonexistent/tmux: cannot start"));
    assert!(version(&lab.places).await.unwrap().is_usable());
}

#[tokio::test]
async fn with_a_service_manager_the_server_gets_a_scope_of_its_own_and_comes_up_without_one_too() {
    for (works, end) in [(true, "exec \"$@\""), (false, "echo refused >&2; exit 1")] {
        let mut lab = Lab::new();
        let asked = lab.path().join("asked");
        let bin = lab.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$XDG_RUNTIME_DIR $*\" >> {}\nwhile [ \"$1\" != -- ]; do shift; done; shift\n{end}\n",
            asked.display()
        );
        fs::write(bin.join("systemd-run"), script).unwrap();
        fs::set_permissions(bin.join("systemd-run"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        lab.places.path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()).into();
        lab.places.systemd_runtime = Some("/run/user/7".into());
        let connected = lab.connect().await;
        let asked = fs::read_to_string(&asked).unwrap();
        assert!(asked.starts_with("/run/user/7 --user --scope "), "{asked}");
        assert!(asked.contains("--property=Delegate=yes") && asked.contains("env -u XDG_RUNTIME_DIR tmux"), "{asked}");
        assert!(connected.started && connected.tmux.list().await.is_ok(), "{works}");
    }
}
