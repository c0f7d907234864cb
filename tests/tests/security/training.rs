use crate::world::{Coordinator, certs, knock, life, pair, start};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use stentor_tests::running::free_address;
use stentor_tests::{audit, corpus, summary, wait_for, write_experiment};

#[test]
fn a_cluster_trains_over_mutual_tls_and_replaced_certificates_count_from_the_next_connection_on() {
    let (folder, manifest) = corpus();
    let tls = folder.path().join("tls");
    certs(&tls, "speech");
    let of = |role: &str| format!("--tls={}", tls.join(role).display());
    let reducer = free_address();
    let sections = format!(
        "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\nreducers = [\"https://{reducer}\"]\n"
    );
    let experiment = write_experiment(folder.path(), "secure", &sections);
    let listen = format!("--listen={reducer}");
    let file = experiment.to_str().unwrap();
    let log = |name: &str| folder.path().join(format!("{name}.log"));
    let server = of("coordinator");
    let mut sums = start("coordinator", &[file, &listen, "--reducer=0", &server], &log("reducer"));
    let coordinator = Coordinator::start(&experiment, &[&server]);
    let url = format!("--coordinator={}", coordinator.url());
    let worker = |name: &str| {
        let identity = format!("--identity={name}");
        start("worker", &[&url, &identity, &of("worker"), "--device=cpu"], &log(name))
    };
    let first = worker("worker-0");
    wait_for("the first worker", || coordinator.running.log().contains("requests membership"));

    // While the first worker waits for the second: new certificates, from the same CA.
    let shown = || knock(coordinator.address, &tls, Some(&pair(&tls.join("worker")))).unwrap();
    let before = shown();
    certs(&tls, "speech");
    let after = CertificateDer::from_pem_file(tls.join("coordinator/tls.crt")).unwrap();
    wait_for("the new certificate", || shown() != before);
    assert_eq!(shown(), after.to_vec());

    let (code, said) = life("stentor", &["status", &url, &of("admin")], &log("status"));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("run secure-1") && said.contains("1 of 2 workers have joined"), "{said}");
    let (code, said) = life("stentor", &["switch", &url, &of("worker"), "--strategy=bmuf"], &log("switch"));
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("for the role admin, found one for stentor://speech/worker"), "{said}");

    for ended in [worker("worker-1"), first, coordinator.running] {
        let (status, said) = ended.ended();
        assert!(status.success(), "{status}\n{said}");
    }
    assert!(sums.is_running(), "{}", sums.log());
    let run = folder.path().join("secure");
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    let error = summary(&run)["dev_frame_error"].as_f64().unwrap();
    assert!(error < 40.0, "{error} % where guessing gives 83 %");
}
