use super::*;
use std::collections::BTreeSet;
use stentor_runtime::Activity;
use stentor_runtime::Token;
use stentor_runtime::tls::Identity;
use tonic::Code;

const SECRET: &str = "correct-horse-battery";
const ADMIN: &str = "staple-of-an-admin";

/// The token to look, and with it the one to control.
fn access(cluster: Option<&str>, token: Option<&str>) -> Access {
    let one = |text| Token::from_settings(None, text).unwrap();
    let tokens = Tokens::new(one(token), one(token.map(|_| ADMIN)));
    Access::new(cluster.map(ToOwned::to_owned), tokens, Refusals::default())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn peer(identity: Option<Result<Identity, String>>) -> Peer {
    Peer { address: ([127, 0, 0, 1], 9).into(), identity, activity: Activity::default() }
}

fn of(role: Role) -> Peer {
    peer(Some(Ok(Identity::new("speech", role).unwrap())))
}

fn verdict(access: &Access, method: &str, peer: &Peer, header: Option<&str>) -> Result<(), (Code, String)> {
    let checked = access.check(method, Some(peer), header).map(drop);
    checked.map_err(|Refusal { status, .. }| (status.code(), status.message().to_owned()))
}

const JOIN: &str = "/stentor.v1.Coordinator/Join";
const STATUS: &str = "/stentor.v1.Coordinator/Status";
const COMMAND: &str = "/stentor.v1.Coordinator/Command";
const FOLLOW: &str = "/stentor.v1.Reducer/Follow";

#[test]
fn every_method_of_the_wire_has_one_rule_and_every_rule_a_method() {
    let text = include_str!("../../../proto/stentor/v1/coordinator.proto");
    let (mut service, mut wire) = ("", BTreeSet::new());
    for line in text.lines() {
        let mut words = line.trim().split([' ', '(']);
        match (words.next(), words.next()) {
            (Some("service"), Some(name)) => service = name,
            (Some("rpc"), Some(name)) => drop(wire.insert(format!("/stentor.v1.{service}/{name}"))),
            _ => {}
        }
    }
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.method.to_owned()).collect();
    assert_eq!(rules.len(), RULES.len());
    assert_eq!(rules, wire);
}

#[test]
fn only_workers_train_only_admins_switch_and_only_coordinators_announce() {
    let access = access(Some("speech"), None);
    for rule in RULES {
        for role in Role::ALL {
            let may = verdict(&access, rule.method, &of(role), None).is_ok();
            let expected = match rule.method {
                STATUS => true,
                COMMAND => role == Role::Admin,
                FOLLOW => role == Role::Coordinator,
                _ => role == Role::Worker,
            };
            assert_eq!(may, expected, "{} by {role}", rule.method);
        }
    }
    let (code, words) = verdict(&access, JOIN, &of(Role::Labeler), None).unwrap_err();
    assert_eq!(code, Code::PermissionDenied);
    assert_eq!(
        words,
        "Join: expected a certificate of cluster `speech` for the role worker, found one for stentor://speech/labeler"
    );
}

#[test]
fn callers_without_a_certificate_or_with_one_of_another_cluster_are_refused() {
    let access = access(Some("speech"), None);
    let other = peer(Some(Ok(Identity::new("music", Role::Worker).unwrap())));
    for (peer, found) in [
        (peer(None), "found no certificate"),
        (peer(Some(Err("no such name".into()))), "without such a name"),
        (other, "found one for stentor://music/worker"),
    ] {
        let (code, words) = verdict(&access, JOIN, &peer, None).unwrap_err();
        assert_eq!(code, Code::PermissionDenied);
        assert!(words.contains(found), "{words}");
    }
    let unknown = verdict(&access, "/stentor.v1.Coordinator/Destroy", &of(Role::Admin), None);
    assert_eq!(unknown.unwrap_err().0, Code::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn the_token_to_look_opens_the_status_and_the_admin_token_also_commands() {
    let access = access(Some("speech"), Some(SECRET));
    let (look, admin, wrong) = (bearer(SECRET), bearer(ADMIN), bearer("correct-horse-batteryx"));
    assert_eq!(verdict(&access, STATUS, &peer(None), Some(&look)), Ok(()));
    assert_eq!(verdict(&access, STATUS, &peer(None), Some(&admin)), Ok(()));
    assert_eq!(verdict(&access, COMMAND, &peer(None), Some(&admin)), Ok(()));
    assert_eq!(verdict(&access, COMMAND, &of(Role::Admin), None), Ok(()));
    let (code, words) = verdict(&access, COMMAND, &peer(None), Some(&look)).unwrap_err();
    assert!(code == Code::PermissionDenied && words.contains("this token is for looking"), "{words}");
    // Whoever keeps the dashboard's token in the environment is an admin all the same.
    assert_eq!(verdict(&access, COMMAND, &of(Role::Admin), Some(&look)), Ok(()));
    assert!(verdict(&access, COMMAND, &of(Role::Worker), Some(&look)).is_err());
    let (_, words) = verdict(&access, COMMAND, &peer(None), None).unwrap_err();
    assert!(words.contains("admin token"), "{words}");
    for token in [&look, &admin] {
        let (code, _) = verdict(&access, JOIN, &peer(None), Some(token)).unwrap_err();
        assert_eq!(code, Code::PermissionDenied);
    }
    let (code, words) = verdict(&access, STATUS, &peer(None), Some(&wrong)).unwrap_err();
    assert!(code == Code::Unauthenticated && !words.contains(SECRET), "{words}");
}

#[tokio::test(start_paused = true)]
async fn after_a_wrong_token_the_right_one_is_looked_at_only_after_a_pause() {
    let access = access(Some("speech"), Some(SECRET));
    let wrong = bearer("a-token-of-nobody");
    let refusal = access.check(STATUS, Some(&peer(None)), Some(&wrong)).unwrap_err();
    assert!(refusal.pause > Duration::ZERO && refusal.reason == "token");
    let (code, words) = verdict(&access, STATUS, &peer(None), Some(&bearer(SECRET))).unwrap_err();
    assert!(code == Code::ResourceExhausted && words.contains("a wrong token was shown"), "{words}");
    tokio::time::sleep(refusal.pause).await;
    assert_eq!(verdict(&access, STATUS, &peer(None), Some(&bearer(SECRET))), Ok(()));
}

#[test]
fn a_command_is_recorded_with_the_callers_name_and_address() {
    let access = access(Some("speech"), Some(SECRET));
    let name = |peer: &Peer, header: Option<&str>| access.check(COMMAND, Some(peer), header).ok().unwrap();
    assert_eq!(name(&of(Role::Admin), None), "stentor://speech/admin");
    assert_eq!(name(&peer(None), Some(&bearer(ADMIN))), "the admin token");
    let caller = Caller { name: "stentor://speech/admin".into(), address: Some(([10, 0, 0, 7], 9).into()) };
    let expected = Event::Commanded {
        command: "switch to gtc".into(),
        caller: "stentor://speech/admin".into(),
        address: Some("10.0.0.7:9".into()),
    };
    assert_eq!(caller.commanded("switch to gtc".into()), expected);
}

#[test]
fn without_certificates_anyone_may_train_and_operators_still_need_their_token() {
    let anonymous = peer(None);
    let open = access(None, None);
    assert!(RULES.iter().all(|rule| verdict(&open, rule.method, &anonymous, None) == Ok(())));
    let guarded = access(None, Some(SECRET));
    assert_eq!(verdict(&guarded, JOIN, &anonymous, None), Ok(()));
    let (code, words) = verdict(&guarded, COMMAND, &anonymous, None).unwrap_err();
    assert!(code == Code::Unauthenticated && words.contains("--token-file"), "{words}");
    assert_eq!(verdict(&guarded, STATUS, &anonymous, Some(&bearer(SECRET))), Ok(()));
    assert!(verdict(&guarded, COMMAND, &anonymous, Some(&bearer(SECRET))).is_err());
    assert_eq!(verdict(&guarded, COMMAND, &anonymous, Some(&bearer(ADMIN))), Ok(()));
}
