use super::make::holders;
use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use stentor_runtime::tls::{Anonymous, Identity, Role, Tls};

fn arguments(out: &Path, cluster: &str) -> Args {
    let words = [
        "certs",
        "--cluster",
        cluster,
        "--host",
        "localhost",
        "--host",
        "127.0.0.1",
        "--days",
        "30",
        "--out",
    ];
    Args::try_parse_from(words.iter().map(std::ffi::OsStr::new).chain([out.as_os_str()])).unwrap()
}

#[test]
fn every_role_gets_a_folder_that_its_programs_accept_and_only_owners_can_read_keys() {
    let folder = tempfile::tempdir().unwrap();
    run(&arguments(folder.path(), "speech")).unwrap();
    let of = |role: Role| folder.path().join(role.name());
    let server = Tls::for_server(&of(Role::Coordinator), Anonymous::Refused).unwrap();
    assert_eq!(server.identity().unwrap().to_string(), "stentor://speech/coordinator");
    for role in [Role::Worker, Role::Labeler, Role::Admin] {
        let identity = Tls::for_client(&of(role), role).unwrap().identity();
        assert_eq!(identity, Identity::new("speech", role));
    }
    for role in Role::ALL {
        let mode = of(role).join("tls.key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{role}");
    }
    let error = Tls::for_client(&of(Role::Labeler), Role::Worker).unwrap_err().to_string();
    assert!(error.contains("expected a certificate for the role worker, found one for labeler"), "{error}");
}

#[test]
fn each_of_several_workers_gets_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut several = arguments(folder.path(), "speech");
    several.workers = Some(3);
    run(&several).unwrap();
    let keys: std::collections::BTreeSet<_> = (0..3)
        .map(|index| {
            let of_one = folder.path().join(format!("worker-{index}"));
            let identity = Tls::for_client(&of_one, Role::Worker).unwrap().identity().unwrap();
            assert_eq!(identity.to_string(), format!("stentor://speech/worker/worker-{index}"));
            std::fs::read(of_one.join("tls.key")).unwrap()
        })
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(!folder.path().join("worker").exists() && !folder.path().join("worker-3").exists());
    let folders: Vec<_> = holders(None).into_iter().map(|(_, name)| name).collect();
    assert_eq!(folders, Role::ALL.map(Role::name));
}

#[test]
fn a_certificate_for_workers_that_are_started_by_the_dozen_is_bound_to_the_beginning_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut alike = arguments(folder.path(), "speech");
    alike.worker_identity = Some("stentor-worker-*".into());
    run(&alike).unwrap();
    let worker = Tls::for_client(&folder.path().join("worker"), Role::Worker).unwrap().identity().unwrap();
    assert!(worker.may_be("stentor-worker-12") && !worker.may_be("teacher-1"), "{worker}");
    alike.worker_identity = Some("a b".into());
    let error = run(&alike).unwrap_err().to_string();
    assert!(error.starts_with("--worker-identity: expected 1 to 128 letters"), "{error}");
}

#[test]
fn a_second_run_keeps_the_ca_and_issues_new_certificates() {
    let folder = tempfile::tempdir().unwrap();
    run(&arguments(folder.path(), "speech")).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let names = ["ca/ca.crt", "ca/ca.key", "worker/ca.crt", "worker/tls.crt", "worker/tls.key"];
    let before = names.map(read);
    run(&arguments(folder.path(), "speech")).unwrap();
    let after = names.map(read);
    assert_eq!(before[..3], after[..3]);
    assert!(before[3] != after[3] && before[4] != after[4], "the same certificate again");
    let worker = Tls::for_client(&folder.path().join("worker"), Role::Worker).unwrap();
    assert_eq!(worker.identity(), Identity::new("speech", Role::Worker));
}

#[test]
fn another_clusters_ca_is_not_used_and_an_incomplete_ca_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    run(&arguments(folder.path(), "speech")).unwrap();
    let error = format!("{:#}", run(&arguments(folder.path(), "music")).unwrap_err());
    assert!(error.contains("Stentor cluster speech") && error.contains("`music`"), "{error}");

    let other = tempfile::tempdir().unwrap();
    run(&arguments(other.path(), "speech")).unwrap();
    std::fs::copy(other.path().join("ca/ca.key"), folder.path().join("ca/ca.key")).unwrap();
    let error = format!("{:#}", run(&arguments(folder.path(), "speech")).unwrap_err());
    assert!(error.contains("ca.key is not the key of ca.crt"), "{error}");

    std::fs::remove_file(folder.path().join("ca/ca.key")).unwrap();
    let error = format!("{:#}", run(&arguments(folder.path(), "speech")).unwrap_err());
    assert!(error.contains("restore it"), "{error}");
}

#[test]
fn an_invalid_cluster_host_or_identity_is_rejected_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(&arguments(folder.path(), "a b")).unwrap_err().to_string();
    assert!(error.contains("--cluster: expected 1 to 63") && !folder.path().join("ca").exists(), "{error}");
    let mut odd = arguments(folder.path(), "speech");
    odd.host = vec!["höst".into()];
    let error = format!("{:#}", run(&odd).unwrap_err());
    assert!(error.contains("--host: expected names or addresses"), "{error}");
    let mut odd = arguments(folder.path(), "speech");
    odd.worker_identity = Some("a*b".into());
    let error = run(&odd).unwrap_err().to_string();
    assert!(error.starts_with("--worker-identity: expected 1 to 128 letters"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}
