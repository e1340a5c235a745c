//! What is the user's own about a report: who words its summary, what its page looks like, where it is shown.

use crate::house::House;
use std::fs;

const NIGHT: &str = r#"
[projects.shop]
dir = "."
[projects.farm]
dir = "../farm"
[sessions.sale]
project = "shop"
command = "echo 'sold 3'; exit 3"
retry = { max_attempts = 1 }
[sessions.harvest]
project = "farm"
command = "true"
[report]
summarizer = ["sh", "-c", "cat > ../given.json; env > ../env.txt; printf 'Nothing needs you, all is \\033[31mwell\\033[0m.\\nIgnore the rest.\\n'"]
templates = "look"
"#;

#[test]
fn words_and_pages_of_ones_own_change_no_verdict_and_what_is_wrong_with_them_is_told() {
    let house = House::new(NIGHT);
    fs::create_dir_all(house.path("farm")).expect("a folder");
    fs::create_dir_all(house.path("w/look")).expect("a folder");
    fs::write(house.path("w/look/report.html"), "<h1>mine</h1>\n{% include \"part.html\" %}\n{{ report.titel }}\n")
        .expect("written");
    fs::write(house.path("w/look/part.html"), "<p>a part</p>").expect("written");
    house.ok(&["up", "--trust"]);
    house.run(&["wait", "--timeout", "60s", "sale", "harvest"]);
    house.ok(&["down"]);

    let report = house.json(&["report", "--format", "json"]);
    let words = report["summary"]["lines"].as_array().expect("lines");
    assert!(words[0].as_str().is_some_and(|line| line.starts_with("Nothing needs you, all is")), "{words:?}");
    assert!(!words[0].as_str().unwrap_or_default().contains('\u{1b}'), "{words:?}");
    assert!(report["summary"]["by"].as_str().is_some_and(|by| by.starts_with("sh -c")), "{report:#}");
    assert_eq!(report["verdict"], "failed", "its words decide nothing");
    assert!(report["title"].as_str().is_some_and(|title| title.starts_with("1 thing needs you.")), "{report:#}");
    for (form, mark) in [("md", "> worded by `sh -c"), ("text", "(worded by sh -c"), ("html", "worded by <code>sh -c")]
    {
        let shown = house.ok(&["report", "--format", form]);
        assert!(shown.contains(mark), "{form}: {shown}");
    }
    let given: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(house.path("given.json")).expect("it was given")).expect("JSON");
    assert_eq!((&given["verdict"], &given["night"]), (&report["verdict"], &report["night"]));
    let env = fs::read_to_string(house.path("env.txt")).expect("it looked");
    assert!(env.contains("NIGHTKEEP_ATTEMPT=summarizer"), "{env}");

    // The page that was written is the built-in one, and the report says why.
    let night = report["night"].as_str().expect("a night").to_owned();
    let page = fs::read_to_string(house.logs().join(format!("reports/{night}.html"))).expect("it is written");
    assert!(page.starts_with("<!doctype html>") && !page.contains("mine"), "{page}");
    let troubles = report["unreadable"].as_array().expect("a list");
    let told = troubles.iter().find(|trouble| trouble["part"] == "report templates").expect("it is told");
    let told = told["what"].as_str().expect("words");
    assert!(told.contains("report.html:3") && told.contains("built-in"), "{told}");

    fs::write(house.path("w/look/report.html"), "<h1>mine: {{ report.title }}</h1>{% include \"part.html\" %}")
        .expect("written");
    let page = house.ok(&["report", "--format", "html"]);
    assert_eq!(
        page.trim_end(),
        format!("<h1>mine: {}</h1><p>a part</p>", report["title"].as_str().unwrap_or_default())
    );
    for outside in ["../sessions.toml", "/etc/passwd", "look/part.html"] {
        fs::write(house.path("w/look/report.html"), format!("{{% include \"{outside}\" %}}")).expect("written");
        let ran = house.run(&["report", "--format", "html"]);
        assert!(
            ran.stderr.contains("report.html:1") && ran.stdout.starts_with("<!doctype html>"),
            "{outside}: {}",
            ran.stderr
        );
    }
    fs::write(
        house.path("w/look/report.html"),
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    )
    .expect("written");
    assert!(house.run(&["report", "--format", "html"]).stderr.contains("built-in page is used"));
    assert!(house.ok(&["report", "--template"]).contains("{{ report.title }}"));
}

#[test]
fn a_report_is_narrowed_to_a_project_and_shown_in_the_browser() {
    let house = House::new(&NIGHT.replace("summarizer", "formats = [\"json\"]\n# ").replace("templates", "# "));
    fs::create_dir_all(house.path("farm")).expect("a folder");
    house.ok(&["up", "--trust"]);
    house.run(&["wait", "--timeout", "60s", "sale", "harvest"]);
    house.ok(&["down"]);
    let farm = house.json(&["report", "--project", "farm", "--format", "json"]);
    assert_eq!(
        (&farm["project"], &farm["totals"]["sessions"], &farm["totals"]["failed"]),
        (&"farm".into(), &1.into(), &0.into())
    );
    assert_eq!(farm["title"], "Project farm: Nothing needs you. 1 of 1 finished.");
    assert_eq!(farm["projects"].as_array().map(Vec::len), Some(1));
    assert!(!farm.to_string().contains("sale"), "{farm:#}");
    assert_eq!(house.run(&["report", "--project", "farm", "--check"]).code, 0);
    assert_eq!(house.run(&["report", "--project", "shop", "--check"]).code, 2);
    let unknown = house.run(&["report", "--project", "frm"]);
    assert_eq!(unknown.code, 4);
    assert!(unknown.stderr.contains("did you mean farm?"), "{}", unknown.stderr);

    let ran = house.run(&["report", "--open"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("no screen"), "{}", ran.stderr);
    let shown = std::path::PathBuf::from(ran.stdout.trim());
    assert!(fs::read_to_string(&shown).is_ok_and(|page| page.starts_with("<!doctype html>")), "{}", shown.display());
    fs::write(house.path("browser"), "#!/bin/sh\necho \"$2\" > \"$1\"\n").expect("written");
    let opened = house.path("opened");
    let mut command = house.command(&["report", "--project", "farm", "--open"]);
    command.env("BROWSER", format!("sh {} {}", house.path("browser").display(), opened.display()));
    let output = command.output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    house.until("the browser was given the page", || {
        fs::read_to_string(&opened).is_ok_and(|path| path.trim() == printed)
    });
    assert!(printed.ends_with(".farm.html"), "{printed}");

    let unknown = house.run(&["approve", "a-0123456789"]);
    assert_eq!(unknown.code, 4, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("nothing that waits for you has the id \"a-0123456789\""), "{}", unknown.stderr);
    let mut inside = house.command(&["dismiss", "a-0123456789"]);
    assert_eq!(inside.env("NIGHTKEEP_ATTEMPT", "x").output().expect("it runs").status.code(), Some(5));
    let nights = house.json(&["nights", "--json"]);
    assert_eq!((&nights["nights"][0]["finished"], &nights["nights"][0]["failed"]), (&1.into(), &1.into()));
}
