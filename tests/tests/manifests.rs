//! The Kubernetes manifests: valid as they are, and a mistake in them does not pass. `cargo xtask manifests` asks the same
//! judge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use serde_yaml_ng::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_experiment::Experiment;
use stentor_runtime::ExitStatus;
use stentor_tests::docs::understood;
use stentor_tests::observe::in_checkout;

#[derive(Debug, Deserialize)]
struct Verdict {
    objects: usize,
    valid: usize,
    problems: Vec<String>,
}

fn python() -> PathBuf {
    let python =
        std::env::var("STENTOR_PYTHON").expect("STENTOR_PYTHON: run these tests by `cargo xtask test`");
    python.into()
}

fn judge(kubernetes: &Path, overlay: &str) -> Verdict {
    let output = Command::new(python())
        .arg(in_checkout("tests/manifests/judge.py"))
        .arg(kubernetes.join("overlays").join(overlay))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy of all manifests, in which a mistake can be made.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("cp")
        .arg("-r")
        .arg(in_checkout("deploy/kubernetes/."))
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    folder
}

fn overlays() -> Vec<String> {
    let entries = std::fs::read_dir(in_checkout("deploy/kubernetes/overlays")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_object_of_every_overlay_is_valid() {
    assert_eq!(overlays(), ["gpu", "local", "reducers", "s3"]);
    for overlay in overlays() {
        let verdict = judge(&in_checkout("deploy/kubernetes"), &overlay);
        assert_eq!(verdict.problems, Vec::<String>::new(), "{overlay}");
        assert!(verdict.valid == verdict.objects && verdict.objects >= 20, "{overlay}: {verdict:?}");
    }
}

#[test]
fn a_mistake_is_found_and_named() {
    let mistakes = [
        ("base/worker.yaml", "completionMode: Indexed", "completionsMode: Indexed", "completionsMode"),
        ("base/worker.yaml", "backoffLimitPerIndex: 5", "backoffLimitPerIndex: many", "'many'"),
        ("base/coordinator.yaml", "replicas: 1", "replicas: one", "'one'"),
        (
            "base/coordinator.yaml",
            "name: stentor-experiment",
            "name: stentor-experimant",
            "no ConfigMap `stentor-experimant`",
        ),
        (
            "base/coordinator.yaml",
            "secretName: stentor-token",
            "secretName: stentor-tokens",
            "a Secret `stentor-tokens`",
        ),
        ("base/worker.yaml", "containerName: worker", "containerName: wroker", "no container `wroker`"),
        ("base/worker.yaml", "completions: 4", "completions: 5", "parallelism equals completions"),
        ("base/network.yaml", "values: [worker, admin]", "values: [wroker]", "no pod has the labels"),
        ("components/monitoring/service-monitor.yaml", "interval: 15s", "interval: soon", "'soon'"),
        ("components/monitoring/service-monitor.yaml", "jobLabel:", "jobLable:", "jobLable"),
        ("components/monitoring/rules.yaml", "severity: page", "severity: 1", "1 is not of type 'string'"),
        ("components/monitoring/rules.yaml", "for: 1m", "for: soon", "'soon'"),
        ("components/monitoring/service-monitor.yaml", "port: metrics", "port: metric", "no port `metric`"),
        (
            "components/reducers/reducer.yaml",
            "serviceName: stentor-reducer",
            "serviceName: stentor-reducers",
            "no Service `stentor-reducers`",
        ),
        (
            "components/reducers/reducer.yaml",
            "targetPort: grpc",
            "targetPort: grcp",
            "no pod has a port `grcp`",
        ),
        ("components/reducers/network.yaml", "port: grpc", "port: grcp", "has a port `grcp`"),
        ("components/reducers/network.yaml", "port: 7500", "port: 7400", "has a port `7400`"),
        (
            "components/reducers/network.yaml",
            "component: reducer",
            "component: reduce",
            "'app.kubernetes.io/component': 'reduce'",
        ),
    ];
    for (file, right, wrong, found) in mistakes {
        let folder = copy();
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(right), "{file} has no `{right}`");
        std::fs::write(&path, text.replacen(right, wrong, 1)).unwrap();
        // The one overlay that has all components of them.
        let overlay = if file.starts_with("components/reducers") { "reducers" } else { "s3" };
        let verdict = judge(folder.path(), overlay);
        assert!(verdict.valid < verdict.objects, "{wrong}: {verdict:?}");
        assert!(verdict.problems.iter().any(|problem| problem.contains(found)), "{wrong}: {verdict:?}");
    }
}

fn documents(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(in_checkout("deploy/kubernetes").join(file)).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text).map(|one| Value::deserialize(one).unwrap()).collect()
}

fn of_kind(file: &str, kind: &str) -> Value {
    documents(file).into_iter().find(|document| document["kind"] == kind).unwrap()
}

/// The action of a job's `podFailurePolicy` for an exit code: that of the first rule with the code, otherwise `Count`.
fn action(job: &Value, code: u8) -> String {
    let rules = job["spec"]["podFailurePolicy"]["rules"].as_sequence().unwrap();
    let has_code = |rule: &&Value| {
        let values = rule["onExitCodes"]["values"].as_sequence();
        values.is_some_and(|values| values.iter().any(|value| value.as_u64() == Some(code.into())))
    };
    rules.iter().find(has_code).map_or("Count", |rule| rule["action"].as_str().unwrap()).to_owned()
}

#[test]
fn jobs_do_with_each_exit_code_what_the_code_says() {
    for file in ["base/worker.yaml", "base/teacher-labeler.yaml"] {
        let job = of_kind(file, "Job");
        for status in ExitStatus::ALL {
            // A pod that has succeeded is complete, and in no rule.
            let expected = status.reaction().pod_failure_action().unwrap_or("Count");
            assert_eq!(action(&job, status.code()), expected, "{file}: {status:?}");
        }
        // `Count` and `FailIndex` are about one index.
        assert!(job["spec"]["backoffLimitPerIndex"].as_u64().is_some(), "{file}");
        assert!(
            job["spec"]["completionMode"] == "Indexed" && job["spec"]["backoffLimit"].is_null(),
            "{file}"
        );
        let first = &job["spec"]["podFailurePolicy"]["rules"][0];
        let conditions = &first["onPodConditions"][0];
        assert!(first["action"] == "Ignore" && conditions["type"] == "DisruptionTarget", "{file}");
    }
}

/// What one worker meets alone never ends the job of all.
#[test]
fn a_refused_identity_a_stale_certificate_and_missing_data_fail_one_index_and_a_drained_worker_comes_back() {
    let job = of_kind("base/worker.yaml", "Job");
    for (status, expected) in [
        (ExitStatus::Excluded, "FailIndex"),
        (ExitStatus::Auth, "Count"),
        (ExitStatus::Data, "Count"),
        (ExitStatus::Failure, "Count"),
        (ExitStatus::Stopped, "Ignore"),
        (ExitStatus::Retryable, "Ignore"),
        (ExitStatus::Config, "FailJob"),
        (ExitStatus::NonFinite, "FailJob"),
    ] {
        assert_eq!(action(&job, status.code()), expected, "{status:?}");
    }
}

fn experiment(file: &str) -> Experiment {
    let text = std::fs::read_to_string(in_checkout("deploy/kubernetes").join(file)).unwrap();
    Experiment::parse(&text).unwrap()
}

/// One number in two places: the round that is waited for and the job's size; the labeler's parts and its job's size.
#[test]
fn the_experiments_are_experiments_and_sizes_agree() {
    let workers = of_kind("base/worker.yaml", "Job")["spec"]["completions"].as_u64().unwrap();
    for file in ["base/experiment.toml", "overlays/s3/experiment.toml", "overlays/reducers/experiment.toml"] {
        let experiment = experiment(file);
        assert_eq!(u64::from(experiment.cluster.workers), workers, "{file}");
        let located = [Some(experiment.run.output), Some(experiment.data.annotated), experiment.data.labels];
        assert!(
            located.iter().flatten().all(|l| l.starts_with('/') || l.contains("://")),
            "{file}: {located:?}"
        );
    }
    let parts = of_kind("base/teacher-labeler.yaml", "Job")["spec"]["completions"].as_u64().unwrap();
    let settings = std::fs::read_to_string(in_checkout("deploy/kubernetes/base/kustomization.yaml")).unwrap();
    assert!(settings.contains(&format!("- STENTOR_OF={parts}\n")));
}

/// The experiment lists the pods of the StatefulSet in the order of their numbers, which are told to them as places in that list.
#[test]
fn the_experiment_with_reducers_lists_their_pods() {
    let file = "components/reducers/reducer.yaml";
    let (set, service) = (of_kind(file, "StatefulSet"), of_kind(file, "Service"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (pods, domain) = (text(&set["metadata"]["name"]), text(&service["metadata"]["name"]));
    assert_eq!(text(&set["spec"]["serviceName"]), domain);
    let port = service["spec"]["ports"][0]["port"].as_u64().unwrap();
    let expected: Vec<String> = (0..set["spec"]["replicas"].as_u64().unwrap())
        .map(|index| format!("https://{pods}-{index}.{domain}:{port}"))
        .collect();
    assert_eq!(experiment("overlays/reducers/experiment.toml").exchange.reducers, expected);
    let overlay = documents("overlays/reducers/kustomization.yaml").remove(0);
    assert_eq!(overlay["replicas"][0]["count"].as_u64().unwrap(), expected.len() as u64);
}

/// Program and arguments of every container, with the number that Kubernetes puts in.
#[test]
fn every_container_is_started_with_options_that_its_program_has() {
    for (file, kind) in [
        ("base/coordinator.yaml", "StatefulSet"),
        ("base/worker.yaml", "Job"),
        ("base/teacher-labeler.yaml", "Job"),
        ("components/reducers/reducer.yaml", "StatefulSet"),
    ] {
        let containers = of_kind(file, kind)["spec"]["template"]["spec"]["containers"].clone();
        for container in containers.as_sequence().unwrap() {
            let image = container["image"].as_str().unwrap();
            let mut words = vec![image.strip_prefix("stentor-").unwrap().to_owned()];
            let arguments =
                container["args"].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap());
            let number = |word: &str| word.replace("$(JOB_COMPLETION_INDEX)", "3").replace("$(INDEX)", "1");
            words.extend(arguments.map(number));
            understood(&words).unwrap_or_else(|problem| panic!("{file}: {words:?}\n{problem}"));
        }
    }
}

/// What stands above the rules, which are indented below it.
const RULES_HEAD: &str = "\
# The rules of deploy/prometheus/alerts.yml, for the Prometheus operator. Made from that file; renew:
#   STENTOR_RENEW=1 cargo test -p stentor-tests --test manifests
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: stentor
  labels:
    app.kubernetes.io/name: stentor
spec:
";

#[test]
fn the_operators_rules_are_those_that_are_tested() {
    let rules = std::fs::read_to_string(in_checkout("deploy/prometheus/alerts.yml")).unwrap();
    let groups = &rules[rules.find("groups:").unwrap()..];
    let indented = |line: &str| if line.trim().is_empty() { line.to_owned() } else { format!("  {line}") };
    let expected: String =
        RULES_HEAD.to_owned() + &groups.split_inclusive('\n').map(indented).collect::<String>();
    let path = in_checkout("deploy/kubernetes/components/monitoring/rules.yaml");
    if std::env::var_os("STENTOR_RENEW").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert!(std::fs::read_to_string(&path).unwrap() == expected, "renew it: see its first lines");
}

/// The switch in an overlay that has the coordinator sign: its pod gets the key, and no other.
#[test]
fn with_the_component_for_signing_the_coordinator_alone_gets_the_key() {
    let folder = copy();
    let overlay = folder.path().join("overlays/s3/kustomization.yaml");
    let text = std::fs::read_to_string(&overlay).unwrap();
    let component = "  - ../../components/monitoring\n";
    std::fs::write(&overlay, text.replace(component, &format!("{component}  - ../../components/signing\n")))
        .unwrap();
    let verdict = judge(folder.path(), "s3");
    assert!(verdict.problems.is_empty() && verdict.valid == verdict.objects, "{verdict:?}");
    let kubectl = python().parent().unwrap().join("kubectl");
    let output =
        Command::new(kubectl).arg("kustomize").arg(folder.path().join("overlays/s3")).output().unwrap();
    let rendered = String::from_utf8(output.stdout).unwrap();
    let pods: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&rendered)
        .map(|one| Value::deserialize(one).unwrap())
        .filter(|one| one["spec"]["template"]["spec"]["containers"].is_sequence())
        .collect();
    assert!(pods.len() > 2, "{rendered}");
    for pod in pods {
        let spec = &pod["spec"]["template"]["spec"];
        let has_key = serde_yaml_ng::to_string(spec).unwrap().contains("signing-key");
        assert_eq!(
            has_key,
            pod["metadata"]["name"] == "stentor-coordinator",
            "{}",
            pod["metadata"]["name"].as_str().unwrap()
        );
    }
    // What the program is told is where the key is.
    let patch = of_kind("components/signing/coordinator.yaml", "StatefulSet");
    let container = &patch["spec"]["template"]["spec"]["containers"][0];
    let place = container["env"][0]["value"].as_str().unwrap();
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert_eq!(place, format!("{mounted}/signing.key"));
}

#[test]
fn with_the_file_for_signing_compose_gives_the_key_to_the_coordinator_alone() {
    let text = std::fs::read_to_string(in_checkout("deploy/compose/compose.signing.yaml")).unwrap();
    let compose: Value = serde_yaml_ng::from_str(&text).unwrap();
    let services = compose["services"].as_mapping().unwrap();
    let names: Vec<&str> = services.keys().filter_map(Value::as_str).collect();
    assert_eq!(names, ["signing-key", "coordinator"]);
    let words = compose["services"]["signing-key"]["entrypoint"].as_sequence().unwrap();
    let words: Vec<String> = words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
    understood(&words).unwrap();
    let coordinator = &compose["services"]["coordinator"];
    assert_eq!(coordinator["volumes"][0].as_str().unwrap(), "signing-key:/keys:ro");
    assert_eq!(coordinator["environment"]["STENTOR_SIGNING_KEY"].as_str().unwrap(), "/keys/signing.key");
    // A volume that is mounted on a folder of the image gets its owner.
    let image = std::fs::read_to_string(in_checkout("deploy/docker/coordinator.Dockerfile")).unwrap();
    assert!(image.contains(" /keys "), "{image}");
}

/// Each role's certificates are a volume of their own.
#[test]
fn compose_gives_no_program_a_key_that_is_not_its_own() {
    let text = std::fs::read_to_string(in_checkout("deploy/compose/compose.yaml")).unwrap();
    let compose: Value = serde_yaml_ng::from_str(&text).unwrap();
    let services = compose["services"].as_mapping().unwrap();
    for (name, service) in services {
        let name = name.as_str().unwrap();
        let volumes = service["volumes"].as_sequence().into_iter().flatten();
        let certificates: Vec<&str> =
            volumes.filter_map(Value::as_str).filter(|volume| volume.contains(":/certs")).collect();
        match name {
            // It makes them.
            "certificates" => assert_eq!(certificates.len(), 5, "{certificates:?}"),
            "coordinator" | "worker" | "admin" => {
                assert_eq!(certificates, [format!("{name}-tls:/certs/{name}:ro")], "{name}");
            }
            _ => assert_eq!(certificates, [""; 0], "{name}"),
        }
    }
}
