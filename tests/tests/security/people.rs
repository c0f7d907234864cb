use crate::world::{Coordinator, certs, life};
use stentor_tests::{corpus, wait_for, write_experiment};

const SECRET: &str = "correct-horse-battery";
const ADMIN_SECRET: &str = "steady-goat-capacitor";

#[test]
fn a_listener_for_everybody_needs_certificates_or_a_clear_word() {
    let (home, _) = corpus();
    let experiment = write_experiment(home.path(), "exposed", "[schedule]\npasses = 1\n");
    let file = experiment.to_str().unwrap();
    let at = |name: &str| home.path().join(name);
    let (code, said) = life("coordinator", &[file, "--listen=0.0.0.0:0"], &at("refused.log"));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("--tls DIR") && said.contains("--insecure") && said.contains("stentor certs"),
        "{said}"
    );

    let open = Coordinator::start_on("0.0.0.0", &experiment, &["--insecure"]);
    wait_for("its warning", || open.running.log().contains("anyone who can reach this address"));
}

#[test]
fn people_look_and_steer_with_a_token_that_is_never_shown() {
    let (home, _) = corpus();
    let at = |name: &str| home.path().join(name);
    let tls = at("tls");
    certs(&tls, "speech");
    let token = at("token");
    std::fs::write(&token, format!("{SECRET}\n")).unwrap();
    std::fs::write(at("admin"), format!("{ADMIN_SECRET}\n")).unwrap();
    std::fs::write(at("wrong"), "another-horse-battery").unwrap();
    // Who has the token needs to know the CA, and no more.
    let ca = at("ca-only");
    std::fs::create_dir(&ca).unwrap();
    std::fs::copy(tls.join("ca/ca.crt"), ca.join("ca.crt")).unwrap();

    let experiment = write_experiment(home.path(), "tokens", "[schedule]\npasses = 1\n");
    let option = |name: &str, path: &std::path::Path| format!("--{name}={}", path.display());
    let (server, file) = (option("tls", &tls.join("coordinator")), option("token-file", &token));
    let admin = option("admin-token-file", &at("admin"));
    let coordinator = Coordinator::start(&experiment, &[&server, &file, &admin]);
    let url = format!("--coordinator={}", coordinator.url());
    let ask = |words: &[&str], token: Option<&str>| {
        let token = token.map(|name| option("token-file", &at(name)));
        let (tls, mut all) = (option("tls", &ca), words.to_vec());
        all.extend([url.as_str(), tls.as_str()]);
        all.extend(token.as_deref());
        life("stentor", &all, &at(&format!("{}-{}.log", words[0], token.as_deref().map_or(0, str::len))))
    };
    let (code, said) = ask(&["status"], Some("token"));
    assert!(code == 0 && said.contains("run tokens-1"), "{said}");
    let (code, said) = ask(&["switch", "--strategy=gtc"], Some("admin"));
    assert_eq!(code, 0, "{said}");
    let (code, said) = ask(&["status"], Some("wrong"));
    assert!(code == 4 && said.contains("access denied: the token"), "{code}: {said}");
    // Without a token the folder must hold a certificate.
    let (code, said) = ask(&["status"], None);
    assert!(code == 2 && said.contains("tls.crt"), "{code}: {said}");

    assert_eq!((coordinator.refused("calls", "token"), coordinator.told("token").len()), (1, 1));
    for entry in std::fs::read_dir(home.path()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(
                ![SECRET, ADMIN_SECRET, "another-horse"].iter().any(|secret| text.contains(secret)),
                "{}",
                entry.path().display()
            );
        }
    }
}
