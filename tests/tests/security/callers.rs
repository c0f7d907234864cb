use crate::world::{Coordinator, DAY, certs, folder, forged, knock, life, pair, start};
use std::path::Path;
use std::time::SystemTime;
use stentor_proto::v1;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::v1::reducer_client::ReducerClient;
use stentor_runtime::tls::{Tls, channel, explain};
use stentor_tests::{audit, corpus, wait_for, write_experiment};
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};

/// What comes of calls with the certificates of `folder`.
fn calling<T>(
    coordinator: &Coordinator,
    folder: &Path,
    calls: impl AsyncFnOnce(
        CoordinatorClient<tonic::transport::Channel>,
        ReducerClient<tonic::transport::Channel>,
    ) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tls = Tls::for_person(folder).unwrap();
        let channel = channel(&coordinator.url(), Some(&tls)).unwrap();
        calls(CoordinatorClient::new(channel.clone()), ReducerClient::new(channel)).await
    })
}

fn join(identity: &str) -> v1::JoinRequest {
    v1::JoinRequest { identity: identity.to_owned(), ..v1::JoinRequest::default() }
}

fn sections(passes: u32) -> String {
    format!("[schedule]\npasses = {passes}\nlearning_rate = 0.01\n[cluster]\nworkers = 2\n")
}

#[test]
fn callers_without_a_right_are_refused_with_a_reason_logged_once_and_the_run_goes_on() {
    let (home, manifest) = corpus();
    let at = |name: &str| home.path().join(name);
    let (ours, theirs) = (at("tls"), at("other"));
    certs(&ours, "speech");
    certs(&theirs, "speech");
    let experiment = write_experiment(home.path(), "guarded", &sections(3));
    let server = format!("--tls={}", ours.join("coordinator").display());
    let coordinator = Coordinator::start(&experiment, &[&server]);
    let url = format!("--coordinator={}", coordinator.url());
    let worker = |name: &str, tls: &str| {
        let (identity, tls) = (format!("--identity={name}"), format!("--tls={tls}"));
        start("worker", &[&url, &identity, &tls, "--device=cpu"], &at(&format!("{name}.log")))
    };
    let own = ours.join("worker").display().to_string();
    let first = worker("worker-0", &own);

    // Three times each, so that logging once shows.
    let now = SystemTime::now();
    let expired = forged(&ours, "stentor://speech/worker", now - 3 * DAY, now - DAY);
    let early = forged(&ours, "stentor://speech/worker", now + DAY, now + 2 * DAY);
    let foreign = pair(&theirs.join("worker"));
    for (reason, certificate, alert) in [
        ("no-certificate", None, "CertificateRequired"),
        ("expired", Some(&expired), "CertificateExpired"),
        ("not-yet-valid", Some(&early), "CertificateExpired"),
        ("unknown-ca", Some(&foreign), "UnknownCA"),
    ] {
        for _ in 0..3 {
            let error = knock(coordinator.address, &ours, certificate).unwrap_err();
            assert!(
                error.contains(alert) || reason == "unknown-ca" || reason == "not-yet-valid",
                "{reason}: {error}"
            );
        }
        wait_for(reason, || coordinator.refused("connections", reason) == 3);
        let told = coordinator.told(reason);
        assert!(told.len() == 1 && told[0].contains("127.0.0.1"), "{told:?}");
    }

    // Ours, but without a name, of another cluster, or of another role: they may connect, and call nothing.
    let nameless = folder(&at("nameless"), &ours, &forged(&ours, "https://speech", now - DAY, now + DAY));
    assert!(Tls::for_person(&nameless).unwrap_err().to_string().contains("stentor://CLUSTER/ROLE"));
    let music = folder(&at("music"), &ours, &forged(&ours, "stentor://music/worker", now - DAY, now + DAY));
    let refused = |folder: &Path| -> Status {
        calling(&coordinator, folder, async |mut calls, _| calls.join(join("worker-9")).await.unwrap_err())
    };
    let labeler = refused(&ours.join("labeler"));
    assert_eq!(labeler.code(), Code::PermissionDenied);
    assert!(
        labeler.message().contains("for the role worker, found one for stentor://speech/labeler"),
        "{labeler}"
    );
    assert_eq!(refused(&ours.join("admin")).code(), Code::PermissionDenied);
    assert_eq!((coordinator.refused("calls", "role"), coordinator.told("role").len()), (2, 1));
    // A client of ours looks whom it talks to.
    let (words, denied) = explain(&refused(&music));
    assert!(denied && words.contains("expected a server of cluster `music`"), "{words}");

    // Nobody of them disturbed anybody.
    for ended in [worker("worker-1", &own), first, coordinator.running] {
        let (status, said) = ended.ended();
        assert!(status.success(), "{status}\n{said}");
    }
    let findings = audit(&at("guarded"), &manifest);
    assert!(findings.is_clean(), "{findings:?}");
}

#[test]
fn a_worker_with_the_wrong_certificates_or_url_ends_with_words_that_help() {
    let (home, _) = corpus();
    let at = |name: &str| home.path().join(name);
    let (ours, theirs) = (at("tls"), at("other"));
    certs(&ours, "speech");
    certs(&theirs, "speech");
    let experiment = write_experiment(home.path(), "words", &sections(1));
    let server = format!("--tls={}", ours.join("coordinator").display());
    let coordinator = Coordinator::start(&experiment, &[&server]);
    let (secure, plain) = (coordinator.url(), format!("http://{}", coordinator.address));
    let now = SystemTime::now();
    let expired = forged(&ours, "stentor://speech/worker", now - 9 * DAY, now - 3 * DAY);
    let expired = folder(&at("expired"), &ours, &expired);
    let mixed = folder(&at("mixed"), &ours, &pair(&theirs.join("worker")));
    let crossed = folder(&at("crossed"), &ours, &(pair(&ours.join("worker")).0, pair(&ours.join("admin")).1));
    for (case, url, tls, code, words) in [
        ("plain", &plain, None, 4, "this port speaks TLS: use an https:// URL and --tls DIR"),
        ("no-tls", &secure, None, 2, "expected --tls DIR with an https:// URL"),
        ("no-https", &plain, Some(ours.join("worker")), 2, "expected an https:// URL with --tls"),
        ("foreign", &secure, Some(theirs.join("worker")), 4, "certificate is not signed by the CA in"),
        ("labeler", &secure, Some(ours.join("labeler")), 4, "for the role worker, found one for labeler"),
        ("expired", &secure, Some(expired), 4, "the certificate has expired 3 days ago"),
        ("mixed", &secure, Some(mixed), 4, "the certificate is not signed by the CA in"),
        ("crossed", &secure, Some(crossed), 4, "tls.key is not the key of tls.crt"),
        ("nowhere", &secure, Some(at("nowhere")), 4, "which `stentor certs` makes"),
    ] {
        let url = format!("--coordinator={url}");
        let tls = tls.map(|folder| format!("--tls={}", folder.display()));
        let mut arguments = vec![url.as_str(), "--identity=worker-0", "--device=cpu"];
        arguments.extend(tls.as_deref());
        let (found, said) = life("worker", &arguments, &at(&format!("{case}.log")));
        assert_eq!(found, code, "{case}: {said}");
        assert!(said.contains(words), "{case}: {said}");
    }
    assert!(coordinator.refused("connections", "plain") >= 1);
    assert_eq!(coordinator.told("plain").len(), 1);
    assert_eq!(coordinator.refused("connections", "refused-by-peer"), 1);
}

#[test]
fn stale_oversized_and_false_messages_in_the_name_of_members_are_refused_and_the_run_goes_on() {
    let (home, manifest) = corpus();
    let at = |name: &str| home.path().join(name);
    let tls = at("tls");
    certs(&tls, "speech");
    let experiment = write_experiment(home.path(), "fenced", &sections(60));
    let server = format!("--tls={}", tls.join("coordinator").display());
    let coordinator = Coordinator::start(&experiment, &[&server]);
    let url = format!("--coordinator={}", coordinator.url());
    let own = format!("--tls={}", tls.join("worker").display());
    let workers = ["worker-0", "worker-1"].map(|name| {
        let identity = format!("--identity={name}");
        start("worker", &[&url, &identity, &own, "--device=cpu"], &at(&format!("{name}.log")))
    });
    wait_for("the first checkpoint", || at("fenced/checkpoints").is_dir());

    let stolen = tls.join("worker");
    let (contribute, stage, oversized, version) =
        calling(&coordinator, &stolen, async |mut calls, mut reducer| {
            let status = calls.status(v1::StatusRequest {}).await.unwrap().into_inner();
            // What a member may have said in the first round, before there was a first membership of two.
            let fence = v1::Fence {
                run_id: status.run_id.clone(),
                lineage: status.lineage,
                membership_epoch: status.membership_epoch - 1,
                round: 0,
            };
            let header = v1::ContributionHeader {
                fence: Some(fence.clone()),
                identity: "worker-0".into(),
                frames: 1_000_000,
                ..v1::ContributionHeader::default()
            };
            let note = v1::ContributionNote { note: Some(v1::contribution_note::Note::Header(header)) };
            let open_ended = tokio_stream::iter([note]).chain(tokio_stream::pending());
            let contribute = calls.contribute(open_ended).await.unwrap_err();
            let sum_group = v1::SumGroup { slots: vec![0, 1], group: 0, speaks: true };
            let header = v1::StageHeader {
                fence: Some(fence),
                frames: 1,
                sum_group: Some(sum_group),
                sections: 1,
                ..v1::StageHeader::default()
            };
            let part = v1::StagePart { part: Some(v1::stage_part::Part::Header(header)) };
            let stage = reducer.stage(tokio_stream::iter([part])).await.unwrap_err();
            let oversized = calls.join(join(&"x".repeat(3 << 20))).await.unwrap_err();
            let mut other = Request::new(join("worker-9"));
            other.metadata_mut().insert("stentor-protocol", "98-99".parse().unwrap());
            let version = calls.join(other).await.unwrap_err();

            // Whoever does not know a member's session cannot speak for it.
            let (run_id, identity) = (status.run_id.clone(), "worker-0".to_owned());
            let reason = "there are no data".to_owned();
            let leave = v1::LeaveRequest {
                run_id: run_id.clone(),
                identity: identity.clone(),
                reason,
                fatal: true,
                session: 1,
            };
            calls.leave(leave).await.unwrap();
            let fence = |lineage| {
                let (membership_epoch, round) = (status.membership_epoch, status.round);
                Some(v1::Fence { run_id: run_id.clone(), lineage, membership_epoch, round })
            };
            let report = v1::BoundaryReport {
                fence: fence(status.lineage),
                identity: identity.clone(),
                peak_rss_mb: f64::INFINITY,
                traffic: Some(v1::Traffic { sent_bytes: u64::MAX, received_bytes: u64::MAX }),
                ..v1::BoundaryReport::default()
            };
            calls.report(report).await.unwrap();
            let heartbeat =
                v1::Heartbeat { run_id: run_id.clone(), identity, session: 1, doing: String::new() };
            let attended = calls.attend(tokio_stream::iter([heartbeat])).await;
            assert_eq!(attended.unwrap_err().code(), Code::Aborted);
            // A round that the coordinator has not announced is waited for, and holds up nobody.
            let header = v1::StageHeader { fence: fence(u64::MAX), frames: 1, ..v1::StageHeader::default() };
            let part = v1::StagePart { part: Some(v1::stage_part::Part::Header(header)) };
            let far = reducer.stage(tokio_stream::iter([part]));
            assert!(tokio::time::timeout(std::time::Duration::from_millis(300), far).await.is_err());
            (contribute, stage, oversized, version)
        });
    assert!(contribute.message().contains("is not a member with this session"), "{contribute}");
    assert!(version.message().contains("found version 98-99 of the caller and version 1-2"), "{version}");
    assert_eq!(stage.code(), Code::Aborted, "{stage}");
    assert_eq!(oversized.code(), Code::OutOfRange, "{oversized}");

    for ended in workers.into_iter().chain([coordinator.running]) {
        let (status, said) = ended.ended();
        assert!(status.success(), "{status}\n{said}");
    }
    let findings = audit(&at("fenced"), &manifest);
    assert!(findings.is_clean(), "{findings:?}");
}
