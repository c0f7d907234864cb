//! Stories of whoever looks at a run: the live page of a real coordinator with real workers, as JSON and in a real browser.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use stentor_tests::browser::{Browser, Look};
use stentor_tests::cluster::Cluster;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{corpus, program, signal, wait_for, write_experiment};

/// More rounds than anybody looks at: the run ends when its cluster is dropped.
const LONG: &str = "[schedule]\npasses = 3000\nlearning_rate = 0.01\n[checkpoint]\ncount = 2000\n[exchange.gtc]\n\
                    density = 0.1\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n[exchange.bmuf]\nblock = 4\n";

fn long(folder: &Path, name: &str, strategy: &str, cluster: &str) -> std::path::PathBuf {
    let sections = format!("{LONG}[exchange]\nstrategy = \"{strategy}\"\n[cluster]\nworkers = 2\n{cluster}");
    write_experiment(folder, name, &sections)
}

/// None before the coordinator has opened the data.
fn points(status: &Value, curve: &str) -> Vec<(u64, f64)> {
    let points = status["curves"][curve].as_array().into_iter().flatten();
    points.map(|p| (p[0].as_u64().unwrap(), p[1].as_f64().unwrap())).collect()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|m| m["identity"].as_str().unwrap()).collect()
}

#[test]
fn the_status_has_progress_members_curves_figures_checkpoints_and_costs() {
    let (folder, _) = corpus();
    let experiment = long(folder.path(), "watched", "gtc", "");
    let cluster = Cluster::start(&experiment, 2, &[]);
    let status = cluster.status_when("a scored checkpoint", "", |status| {
        status["checkpoints"]["best"].is_string() && status["progress"]["seconds_left"].is_number()
    });
    assert_eq!((&status["run"]["name"], &status["run"]["strategy"]), (&"watched".into(), &"gtc".into()));
    assert_eq!(names(&status["members"]), ["worker-0", "worker-1"]);
    for member in status["members"].as_array().unwrap() {
        assert!(!member["host"].as_str().unwrap().is_empty() && member["lag_s"].is_number(), "{member}");
    }
    let progress = &status["progress"];
    assert!(progress["rounds_per_minute"].as_f64().unwrap() > 0.0, "{progress}");
    assert!(
        progress["round"].as_u64().unwrap() > 0 && progress["share"].as_f64().unwrap() > 0.0,
        "{progress}"
    );
    let losses = points(&status, "annotated");
    assert!(losses.is_sorted_by_key(|p| p.0) && losses[0].1 > 1.0, "{losses:?}");
    assert!(!points(&status, "dev").is_empty() && points(&status, "machine_labeled").is_empty());
    let gtc = &status["gtc"];
    for key in ["tau", "density", "residual_norm"] {
        assert!(gtc[key].as_f64().unwrap() > 0.0, "{key}: {gtc}");
    }
    assert_eq!(gtc["aim"], 0.1);
    assert!(status["bmuf"].is_null() && status["exchange"]["compression"].as_f64().unwrap() > 1.0);
    let lines = status["costs"]["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let strategies = line["strategies"].as_array().unwrap();
        let in_force: Vec<_> = strategies.iter().filter(|s| s["in_force"] == true).collect();
        assert_eq!((strategies.len(), in_force.len(), &in_force[0]["method"]), (5, 1, &"gtc".into()));
    }
    let total = |line: usize| lines[line]["strategies"][0]["total_s"].as_f64().unwrap();
    assert!(total(0) > total(3), "dense is slower on the slower line");
}

#[test]
fn with_blocks_and_with_two_tiers_the_status_has_their_figures() {
    let (folder, _) = corpus();
    for (strategy, workers, has_gtc) in [("bmuf", 2, false), ("two-tier", 4, true)] {
        let tables = if has_gtc { "[exchange.two_tier]\ngroup = 2\n" } else { "" };
        let experiment = long(folder.path(), strategy, strategy, tables);
        let cluster = Cluster::start(&experiment, workers, &[]);
        // The run starts with two; there are two groups when the others have joined.
        let groups = has_gtc.then_some(2);
        let status = cluster.status_when("a block of two models", "", |s| {
            s["bmuf"]["momentum"] == 0.5 && s["bmuf"]["groups"].as_u64() == groups
        });
        assert_eq!(status["bmuf"]["block"], 4, "{strategy}");
        assert_eq!(status["gtc"].is_object(), has_gtc, "{strategy}");
    }
}

#[test]
fn a_coordinator_that_was_started_again_shows_the_curves_of_before() {
    let (folder, _) = corpus();
    let experiment = long(folder.path(), "again", "bmuf", "");
    let mut cluster = Cluster::start(&experiment, 2, &[]);
    let before = cluster.status_when("three checkpoints", "", |status| {
        points(status, "dev").len() >= 3 && status["checkpoints"]["newest"].is_string()
    });
    cluster.kill_coordinator();
    cluster.restart_coordinator();
    let after = cluster.status_when("rounds of the second process", "", |status| {
        let again = |h: &Value| h["words"].as_str().unwrap().contains("the coordinator was started again");
        let known = status["happenings"].as_array().is_some_and(|all| all.iter().any(again));
        known && status["progress"]["rounds_per_minute"].is_number()
    });
    let (old, new) = (points(&before, "dev"), points(&after, "dev"));
    assert_eq!(old[..2], new[..2], "the first scores are those of before");
    let losses = points(&after, "annotated");
    assert!(losses.is_sorted_by(|a, b| a.0 < b.0), "what was void is shown once: {losses:?}");
    assert_eq!(losses[0].0, points(&before, "annotated")[0].0);
}

#[test]
fn a_worker_that_stands_still_is_named_with_the_reason_in_the_browser_too() {
    let (folder, _) = corpus();
    let experiment = long(folder.path(), "stalled", "dense", "");
    let cluster = Cluster::start(&experiment, 2, &[]);
    let _ = cluster.status_when("the first rounds", "", |s| s["progress"]["rounds_per_minute"].is_number());
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", cluster.http));
    browser.wait_for("figures", "document.getElementById('members').children.length === 2");
    signal(cluster.worker(1), "STOP");
    let status =
        cluster.status_when("word of the wait", "", |status| status["waiting"]["state"] == "waiting");
    signal(cluster.worker(1), "CONT");
    let waiting = &status["waiting"];
    assert_eq!(names(&waiting["members"]), ["worker-1"], "{waiting}");
    assert!(waiting["words"].as_str().unwrap().contains("waits for worker-1"), "{waiting}");
    // It was stopped while it computed, while its payload was under way, or while it had duties at a boundary.
    let why = waiting["members"][0]["why"].as_str().unwrap();
    let reasons =
        ["not computed yet", "on the way to the reducers", "writing a checkpoint or scoring dev data"];
    assert!(reasons.iter().any(|reason| why.contains(reason)), "{why}");
    browser.wait_for("rounds again", "document.getElementById('state').dataset.state === 'training'");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn figures_are_for_whoever_has_the_token_and_the_page_asks_for_it() {
    const TOKEN: &str = "a-token-for-people-0123";
    let (folder, _) = corpus();
    let experiment = long(folder.path(), "guarded", "gtc", "");
    let cluster = Cluster::start(&experiment, 2, &[("STENTOR_TOKEN", TOKEN)]);
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let _ =
        cluster.status_when("the first rounds", &bearer, |s| s["progress"]["rounds_per_minute"].is_number());
    for (path, headers, expected) in [
        ("/api/status", "", 401),
        ("/api/status", "Authorization: Bearer another-token-for-people\r\n", 401),
        ("/api/status?token=a-token-for-people-0123", "", 401),
        ("/api/status", bearer.as_str(), 200),
        ("/", "", 200),
        ("/page.js", "", 200),
        ("/metrics", "", 200),
        ("/healthz", "", 200),
    ] {
        let answer = cluster.ask(path, headers).unwrap();
        assert_eq!(answer.status, expected, "{path} {headers}");
        assert!(!answer.body.contains(TOKEN), "{path}");
    }
    let page = cluster.ask("/", "").unwrap();
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(page.head.contains(header), "{header} is not in\n{}", page.head);
    }

    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", cluster.http));
    let sign_in = |token: &str| {
        format!(
            "document.getElementById('token').value = '{token}'; document.querySelector('form button').click()"
        )
    };
    browser.wait_for("the form", "!document.getElementById('sign-in').hidden");
    assert_eq!(browser.value("document.getElementById('main').hidden"), true);
    browser.value(&sign_in("a-wrong-token-for-people"));
    browser.wait_for("the refusal", "document.getElementById('refused').textContent !== ''");
    browser.value(&sign_in(TOKEN));
    browser.wait_for("figures", "!document.getElementById('main').hidden && document.getElementById('name').textContent === 'guarded'");
    assert_eq!(browser.value("location.href + document.cookie"), format!("http://{}/", cluster.http));
}

#[test]
fn the_page_is_readable_on_a_phone_keeps_still_and_says_when_nobody_answers() {
    let (folder, _) = corpus();
    let experiment = long(folder.path(), "seen", "two-tier", "[exchange.two_tier]\ngroup = 1\n");
    let mut cluster = Cluster::start(&experiment, 2, &[]);
    let _ =
        cluster.status_when("a scored checkpoint", "", |status| status["checkpoints"]["best"].is_string());
    let mut browser = Browser::start();
    for look in [Look::DESK, Look::PHONE, Look::PHONE.dark()] {
        browser.look(look);
        browser.open(&format!("http://{}/", cluster.http));
        browser.wait_for("curves", "document.querySelectorAll('#loss path').length >= 2");
        let overflow = browser.value("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(overflow, 0, "{look:?}");
        let contrast = browser.value(CONTRAST);
        assert_eq!(contrast, Value::Array(Vec::new()), "{look:?}: text below 4.5 to 1");
        assert_eq!(browser.complaints(), [""; 0], "{look:?}");
    }
    // What has not changed is the same element after the next answer. (On a slow machine a member may have changed meanwhile.)
    let stays = (0..5).any(|_| {
        browser.wait_for("members", "document.getElementById('members').firstElementChild !== null");
        browser.value("window.row = document.getElementById('members').firstElementChild; window.seen = document.getElementById('seen').textContent");
        browser.wait_for("another answer", "document.getElementById('seen').textContent !== window.seen");
        browser.value("window.row === document.getElementById('members').firstElementChild") == true
    });
    assert!(stays, "the rows of the members are made anew with every answer");
    // The forecast is that of the chosen line. There is none before a round since the last fall-back was timed.
    browser.wait_for("a forecast", "document.querySelector('input[value=\"100 Mbit/s\"]') !== null");
    let chosen = browser.text("advice");
    browser.value("document.querySelector('input[value=\"100 Mbit/s\"]').click()");
    assert_ne!(browser.text("advice"), chosen);

    cluster.kill_coordinator();
    browser.wait_for("the bad news", "document.getElementById('state').dataset.state === 'lost'");
    let words = browser.text("words");
    assert!(words.contains("does not answer since"), "{words}");
    cluster.restart_coordinator();
    browser.wait_for("an answer", "document.getElementById('state').dataset.state !== 'lost'");
}

/// Whatever members say is shown as they said it, and is nothing to a browser but text.
#[test]
fn words_of_members_are_text_in_the_page_and_never_markup() {
    let (folder, _) = corpus();
    let experiment = long(folder.path(), "quoted", "dense", "");
    let cluster = Cluster::start(&experiment, 2, &[]);
    let _ =
        cluster.status_when("a scored checkpoint", "", |status| status["checkpoints"]["best"].is_string());
    let mut browser = Browser::start();
    // A real answer with all words of others replaced.
    browser.inject(
        "const real = window.fetch; window.fetch = async (...a) => {
           const status = await (await real(...a)).json();
           const evil = '<img src=x onerror=\"window.hacked = true\"><script>window.hacked = true</script>';
           for (const m of status.members) { m.identity += evil; m.host = evil; m.doing = evil; }
           status.waiting.words = evil;
           status.happenings = [{ s_ago: 1, words: evil }];
           status.quarantined.list = [{ source: evil, file: evil, row_group: 1, frames: 1, reason: evil, worker: evil }];
           return new Response(JSON.stringify(status)); };",
    );
    browser.open(&format!("http://{}/", cluster.http));
    browser.wait_for("figures", "document.getElementById('members').children.length === 2");
    assert_eq!(browser.value("document.querySelectorAll('main img, main script').length"), 0);
    assert!(browser.value("window.hacked").is_null());
    for id in ["members", "words", "happenings", "set-aside"] {
        assert!(browser.text(id).contains("<img src=x onerror="), "{id}");
    }
}

/// Visible texts whose contrast with the nearest background is below WCAG's 4.5 to 1.
const CONTRAST: &str = r#"(() => {
  const light = (c) => { const [r, g, b] = c.match(/[\d.]+/g).map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (node) => { for (let n = node; n; n = n.parentElement) { const c = getComputedStyle(n).backgroundColor; if (!/, 0\)$/.test(c)) return c; } return "rgb(255,255,255)"; };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const front = node instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(front), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(node.textContent.trim().slice(0, 40));
  }
  return poor;
})()"#;

#[test]
fn an_address_that_others_reach_is_warned_of_if_no_token_guards_the_page() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "open", "");
    let token = folder.path().join("token");
    std::fs::write(&token, "to-look-at-the-page\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let warned = |name: &str, arguments: &[String]| {
        let mut command = Command::new(program("coordinator"));
        command.arg(&experiment).arg("--listen=127.0.0.1:0").args(arguments);
        let coordinator = Running::start(&mut command, &folder.path().join(name));
        wait_for("the listener", || coordinator.log().contains("listening for workers"));
        let log = coordinator.log();
        drop(coordinator);
        // It may have claimed the run, or not yet.
        let _ = std::fs::remove_dir_all(folder.path().join("open"));
        log.contains("whoever reaches this address sees the page") && log.contains("--token-file")
    };
    let everywhere = format!("--metrics=0.0.0.0:{}", free_address().port());
    assert!(warned("everywhere.log", std::slice::from_ref(&everywhere)));
    assert!(!warned("token.log", &[everywhere, format!("--token-file={}", token.display())]));
    assert!(!warned("local.log", &[format!("--metrics={}", free_address())]));
}
