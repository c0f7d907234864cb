//! A headless Chromium, controlled over the pipe of its DevTools protocol.

use base64::Engine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Viewport and color scheme of a page.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels; a screenshot is as high as the page.
    pub height: u32,
    /// Screen pixels per CSS pixel.
    pub scale: f64,
    /// Whether the system prefers a dark color scheme.
    pub dark: bool,
}

impl Look {
    /// A window on a desktop.
    pub const DESK: Look = Look { width: 1280, height: 800, scale: 1.0, dark: false };
    /// A small phone.
    pub const PHONE: Look = Look { width: 360, height: 740, scale: 2.0, dark: false };

    /// The same with a dark color scheme.
    #[must_use]
    pub fn dark(self) -> Look {
        Look { dark: true, ..self }
    }
}

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    calls: u64,
    session: Option<String>,
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts the browser named by `STENTOR_BROWSER`, which `cargo xtask test` sets.
    ///
    /// # Panics
    /// If there is none, or it does not answer.
    #[must_use]
    pub fn start() -> Self {
        let program = std::env::var("STENTOR_BROWSER")
            .expect("STENTOR_BROWSER, a headless Chromium: run these tests by `cargo xtask test`");
        let profile = tempfile::tempdir().unwrap();
        // The browser reads from descriptor 3 and writes to 4. Only our own pages are opened; in containers and as
        // root no sandbox is available.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, &program])
            .args(["--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (session, complaints) = (None, Vec::new());
        let mut browser = Self { child, to, from, calls: 0, session, complaints, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Sets viewport and color scheme.
    ///
    /// # Panics
    /// If the browser is gone.
    pub fn look(&mut self, look: Look) {
        let Look { width, height, scale, dark } = look;
        let mobile = width < 600;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile }),
        );
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Adds code that runs before each page's own code.
    ///
    /// # Panics
    /// If the browser is gone.
    pub fn inject(&mut self, script: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Opens a page.
    ///
    /// # Panics
    /// If it cannot be loaded within a minute.
    pub fn open(&mut self, url: &str) {
        self.complaints.clear();
        let answer = self.call("Page.navigate", &json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.wait_for("the page to load", "document.readyState === 'complete'");
    }

    /// The value of an expression in the page.
    ///
    /// # Panics
    /// If it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let arguments = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &arguments);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The visible text of the element with this id.
    ///
    /// # Panics
    /// If there is none.
    pub fn text(&mut self, id: &str) -> String {
        let value = self.value(&format!("document.getElementById('{id}').innerText"));
        value.as_str().unwrap_or_else(|| panic!("{id}: {value}")).to_owned()
    }

    /// Waits until an expression is true, at most a minute.
    ///
    /// # Panics
    /// If it is not true within a minute; the message shows the page.
    pub fn wait_for(&mut self, what: &str, expression: &str) {
        let started = Instant::now();
        while self.value(expression) != true {
            if started.elapsed() > Duration::from_secs(60) {
                let shown = self.value("document.body.innerText");
                panic!("waited a minute for {what}; the page shows\n{shown}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Exceptions and messages of the browser's log since the page was opened.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Writes a screenshot of the whole page as PNG.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn picture(&mut self, look: Look, path: &Path) {
        self.look(look);
        let height = self.value("document.documentElement.scrollHeight").as_u64().unwrap();
        self.look(Look { height: height as u32, ..look });
        // Wait until transitions have ended and the curves have the size of the window.
        std::thread::sleep(Duration::from_millis(800));
        let shot = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let data = shot["data"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "the browser has ended");
            let message: Value = serde_json::from_slice(&bytes).unwrap();
            if message["id"] == self.calls {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            let complaint = match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => &message["params"]["exceptionDetails"],
                Some("Log.entryAdded") => &message["params"]["entry"]["text"],
                _ => continue,
            };
            self.complaints.push(complaint.to_string());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
