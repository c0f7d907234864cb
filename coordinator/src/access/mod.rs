//! Who may call what: by certificate, or by token.

mod body;
#[cfg(test)]
mod tests;

use body::Underway;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use stentor_proto::Agreed;
use stentor_runlog::Event;
use stentor_runtime::tls::{Peer, Refusals, Role};
use stentor_runtime::{Attempts, Call, Denied, Right, Tokens};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response, header};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;

/// Maximum number of calls in progress, over all connections.
const MOST_CALLS: usize = 16_384;

/// Who may call a method.
struct Rule {
    method: &'static str,
    roles: &'static [Role],
    /// The right that a token must have for a call without a certificate; `None`: no token is enough.
    token: Option<Right>,
}

/// All methods of both services. A method that is not listed is denied.
const RULES: &[Rule] = {
    const WORKERS: &[Role] = &[Role::Worker];
    const fn member(method: &'static str) -> Rule {
        Rule { method, roles: WORKERS, token: None }
    }
    &[
        member("/stentor.v1.Coordinator/Join"),
        member("/stentor.v1.Coordinator/Contribute"),
        member("/stentor.v1.Coordinator/Report"),
        member("/stentor.v1.Coordinator/Attend"),
        member("/stentor.v1.Coordinator/Leave"),
        Rule {
            method: "/stentor.v1.Coordinator/Status",
            roles: &[Role::Admin, Role::Worker, Role::Labeler, Role::Coordinator],
            token: Some(Right::View),
        },
        // Commands: a dashboard keeps the token to look, and whoever sees the dashboard has it.
        Rule {
            method: "/stentor.v1.Coordinator/Command",
            roles: &[Role::Admin],
            token: Some(Right::Control),
        },
        member("/stentor.v1.Reducer/Stage"),
        member("/stentor.v1.Reducer/Fetch"),
        member("/stentor.v1.Reducer/Save"),
        Rule { method: "/stentor.v1.Reducer/Follow", roles: &[Role::Coordinator], token: None },
    ]
};

/// Who makes a call: in the extensions of each request that is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The name in its certificate, or its kind of token.
    name: String,
    address: Option<SocketAddr>,
}

impl Caller {
    /// Who makes a request.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Self {
        let unknown = || Self { name: "somebody".into(), address: None };
        request.extensions().get::<Self>().cloned().unwrap_or_else(unknown)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its address, if it is known.
    pub(crate) fn address(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }

    /// The record of a command that the caller gives.
    pub(crate) fn commanded(&self, command: String) -> Event {
        Event::Commanded { command, caller: self.name.clone(), address: self.address() }
    }
}

/// Authorises each call by its caller's certificate or token. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// This program's cluster; `None` without certificates: then callers cannot be distinguished.
    cluster: Option<Arc<str>>,
    tokens: Tokens,
    attempts: Attempts,
    calls: Arc<Semaphore>,
    refusals: Refusals,
}

/// Why a call is refused: a label for metrics, the status for the caller, and how long this waits for it.
struct Refusal {
    reason: &'static str,
    status: Status,
    pause: Duration,
}

impl Access {
    pub(crate) fn new(cluster: Option<String>, tokens: Tokens, refusals: Refusals) -> Self {
        Self {
            cluster: cluster.map(Into::into),
            tokens,
            attempts: Attempts::default(),
            calls: Arc::new(Semaphore::new(MOST_CALLS)),
            refusals,
        }
    }

    /// Wraps `service` so that only authorised calls reach it.
    pub(crate) fn guard<S>(&self, service: S) -> Guarded<S> {
        Guarded { service, access: self.clone() }
    }

    /// Returns the name of the caller if it may make the call.
    fn check(
        &self,
        method: &str,
        peer: Option<&Peer>,
        authorization: Option<&str>,
    ) -> Result<String, Refusal> {
        let Some(rule) = RULES.iter().find(|rule| rule.method == method) else {
            return Err(Refusal::new(
                "unknown-method",
                Status::unimplemented(format!("there is no {method}")),
            ));
        };
        if let (Some(needed), Some(header), false) = (rule.token, authorization, self.tokens.is_empty()) {
            let from = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.address.ip());
            let by_token = self.by_token(rule, needed, header, from);
            return match (by_token, &self.cluster) {
                // Its certificate may permit what its token does not.
                (Err(refusal), Some(cluster)) if refusal.reason == "role" => {
                    self.by_certificate(cluster, rule, peer).map_err(|_| refusal)
                }
                (by_token, _) => by_token,
            };
        }
        let certificate = match &self.cluster {
            Some(cluster) => self.by_certificate(cluster, rule, peer),
            None if rule.token.is_some() && !self.tokens.is_empty() => {
                let which = if rule.token == Some(Right::Control) { "the admin token" } else { "a token" };
                let words =
                    format!("expected {which}, found none; show it with --token-file or STENTOR_TOKEN");
                return Err(Refusal::new("token", Status::unauthenticated(words)));
            }
            None => Ok("somebody without a certificate".to_owned()),
        };
        certificate.map_err(|refusal| match rule.token {
            Some(Right::View) if !self.tokens.is_empty() => {
                refusal.or("; or show a token, with --token-file or STENTOR_TOKEN")
            }
            Some(Right::Control) if !self.tokens.is_empty() => {
                refusal.or("; or show the admin token, with --token-file or STENTOR_TOKEN")
            }
            _ => refusal,
        })
    }

    fn by_token(&self, rule: &Rule, needed: Right, header: &str, from: IpAddr) -> Result<String, Refusal> {
        let mut right = None;
        let judged = self.attempts.judge(from, || {
            right = self.tokens.right(header);
            right.is_some()
        });
        match (judged, right) {
            (Ok(()), Some(Right::Control)) => Ok("the admin token".to_owned()),
            (Ok(()), Some(Right::View)) if needed == Right::View => Ok("the token to look".to_owned()),
            (Ok(()), _) => Err(Refusal::new(
                "role",
                Status::permission_denied(format!(
                    "{}: this token is for looking; expected a certificate for the role admin, or the token of the \
                     coordinator's --admin-token-file",
                    rule.name()
                )),
            )),
            (Err(Denied::Wrong(pause)), _) => {
                let status = Status::unauthenticated("the token is not the one that this program expects");
                Err(Refusal { pause, ..Refusal::new("token", status) })
            }
            (Err(Denied::TooSoon(pause)), _) => Err(Refusal::new(
                "token",
                Status::resource_exhausted(format!(
                    "a wrong token was shown from this address; the next one is looked at in {:.1} s",
                    pause.as_secs_f64()
                )),
            )),
        }
    }

    fn by_certificate(&self, cluster: &str, rule: &Rule, peer: Option<&Peer>) -> Result<String, Refusal> {
        let denied = |reason, found: String| {
            let roles: Vec<_> = rule.roles.iter().map(|role| role.name()).collect();
            Err(Refusal::new(
                reason,
                Status::permission_denied(format!(
                    "{}: expected a certificate of cluster `{cluster}` for the role {}, found {found}",
                    rule.name(),
                    roles.join(" or ")
                )),
            ))
        };
        match peer.and_then(|peer| peer.identity.as_ref()) {
            None => denied("no-certificate", "no certificate".to_owned()),
            Some(Err(found)) => denied("nameless", format!("one without such a name ({found})")),
            Some(Ok(found)) if found.cluster != cluster => {
                denied("other-cluster", format!("one for {found}"))
            }
            Some(Ok(found)) if !rule.roles.contains(&found.role) => {
                denied("role", format!("one for {found}"))
            }
            Some(Ok(found)) => Ok(found.to_string()),
        }
    }
}

impl Rule {
    /// The method's own name.
    fn name(&self) -> &'static str {
        self.method.rsplit('/').next().unwrap_or(self.method)
    }
}

impl Refusal {
    fn new(reason: &'static str, status: Status) -> Self {
        Self { reason, status, pause: Duration::ZERO }
    }

    fn or(self, other_way: &str) -> Self {
        let words = format!("{}{other_way}", self.status.message());
        Self { status: Status::new(self.status.code(), words), ..self }
    }
}

/// A service behind [`Access`].
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    service: S,
    access: Access,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().cloned();
        match self.access.admit(&request, peer.as_ref()) {
            Ok(Admitted { name, agreed, permit, call }) => {
                let address = peer.map(|peer| peer.address);
                request.extensions_mut().insert(Caller { name, address });
                let mut named = MetadataMap::new();
                stentor_proto::answer_in(&agreed, &mut named);
                request.extensions_mut().insert(agreed);
                let answer = self.service.call(request);
                Box::pin(async move {
                    let mut answer = answer.await?;
                    drop(permit);
                    answer.headers_mut().extend(named.into_headers());
                    Ok(answer.map(|body| Body::new(Underway::new(body, call))))
                })
            }
            Err(Refusal { reason, status, pause }) => {
                if let Some(peer) = peer {
                    self.access.refusals.call(peer.address.ip(), reason, status.message());
                }
                Box::pin(async move {
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    Ok(status.into_http())
                })
            }
        }
    }
}

/// A call that is permitted.
struct Admitted {
    /// The caller's name.
    name: String,
    /// The version of the protocol.
    agreed: Agreed,
    /// Held while the call is in progress.
    permit: OwnedSemaphorePermit,
    call: Option<Call>,
}

impl Access {
    /// Admits a call if its caller may make it and speaks a version of the protocol that this program speaks.
    fn admit(&self, request: &Request<Body>, peer: Option<&Peer>) -> Result<Admitted, Refusal> {
        let authorization = request.headers().get(header::AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let name = self.check(request.uri().path(), peer, authorization)?;
        let metadata = MetadataMap::from_headers(request.headers().clone());
        let agreed = stentor_proto::agree_with_caller(&metadata);
        let agreed = agreed.map_err(|status| Refusal::new("version", status))?;
        let too_many = |words: String| Refusal::new("too-many", Status::resource_exhausted(words));
        let permit = Arc::clone(&self.calls).try_acquire_owned();
        let permit = permit.map_err(|_| too_many(format!("{MOST_CALLS} calls are under way already")))?;
        let call = peer.map(|peer| peer.activity.begin()).transpose();
        let call = call.map_err(|full| too_many(full.to_string()))?;
        Ok(Admitted { name, agreed, permit, call })
    }
}
