//! Whether anything answers at a coordinator's address. Workers may be started before it, and try for minutes.

use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tonic::codegen::http::Uri;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A line for people if nothing accepts connections at `url`. A URL that is none has the workers' own error.
pub(super) async fn nobody_words(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await;
    let found = match connected {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    Some(format!(
        "nothing accepts connections at {url} yet ({found}): the workers go on trying for some minutes; if the URL is wrong, stop them \
         by Ctrl-C"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_is_told_and_one_that_somebody_listens_on_is_not() {
        for host in ["127.0.0.1", "[::1]"] {
            // Without IPv6 there is nothing to try.
            let Ok(listener) = tokio::net::TcpListener::bind(format!("{host}:0")).await else { continue };
            let url = format!("http://{host}:{}", listener.local_addr().unwrap().port());
            assert_eq!(nobody_words(&url).await, None);
            drop(listener);
            let words = nobody_words(&url).await.unwrap();
            assert!(words.contains(&format!("at {url} yet (Connection refused")), "{words}");
        }
        assert_eq!(nobody_words("no URL").await, None);
    }
}
