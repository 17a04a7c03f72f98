//! A real browser, driven through WebDriver (W3C): headless Chromium with tabs.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A browser with one profile. Its tabs share their cookies.
pub(crate) struct Browser {
    driver: Driver,
    http: Client,
    /// The address of the WebDriver session.
    session: String,
}

/// The process of the driver, which ends the browser when it is asked to quit.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A size in pixels, and the colours that the visitor's system prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) width: u64,
    height: u64,
    colours: &'static str,
}

impl Screen {
    pub(crate) const DESKTOP: Self = Self { width: 1280, height: 800, colours: "light" };
    pub(crate) const PHONE: Self = Self { width: 375, height: 667, colours: "light" };
    /// The narrowest screen on which nothing may have to be scrolled sideways (WCAG 2.2, 1.4.10).
    pub(crate) const NARROW: Self = Self { width: 320, height: 600, colours: "dark" };
}

/// A tab, by the driver's handle.
#[derive(Clone, Debug)]
pub(crate) struct Tab(String);

impl Browser {
    pub(crate) async fn start() -> Self {
        Self::start_with(json!({})).await
    }

    /// A browser in which no page may run a script.
    pub(crate) async fn without_scripts() -> Self {
        Self::start_with(json!({ "profile.managed_default_content_settings.javascript": 2 })).await
    }

    async fn start_with(preferences: Value) -> Self {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address").port()
        };
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().expect("`chromedriver` is installed: `apt-get install chromium-driver` on Debian");
        let mut browser = Self {
            driver: Driver(driver),
            http: crate::support::http_client(),
            session: format!("http://127.0.0.1:{port}"),
        };
        browser.wait_until_ready().await;
        // Without the sandbox, because tests also run as root, and in containers.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
        let options = json!({ "args": arguments, "prefs": preferences });
        let capabilities = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.call(Method::POST, "/session", &capabilities).await;
        let id = session["sessionId"].as_str().expect("a session of the driver");
        browser.session = format!("{}/session/{id}", browser.session);
        browser
    }

    async fn wait_until_ready(&self) {
        cloakroom_testbed::until("the driver is ready", Duration::from_secs(30), || async {
            let status = self.http.get(format!("{}/status", self.session)).send().await;
            let status = status.map_err(|error| cloakroom_testbed::Error::Unexpected(error.to_string()))?;
            if status.status().is_success() {
                return Ok(());
            }
            Err(cloakroom_testbed::Error::Unexpected(status.status().to_string()))
        })
        .await
        .expect("the driver starts");
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        self.try_call(method, path, Some(body)).await.unwrap_or_else(|text| panic!("{path}: {text}"))
    }

    async fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("the driver answers");
        let status = answer.status();
        let text = answer.text().await.expect("an answer of text");
        if !status.is_success() {
            return Err(text);
        }
        let mut answer: Value = serde_json::from_str(&text).expect("JSON");
        Ok(answer["value"].take())
    }

    /// Opens `url` in a new tab.
    pub(crate) async fn open(&self, url: &str) -> Tab {
        let tab = self.call(Method::POST, "/window/new", &json!({ "type": "tab" })).await;
        let tab = Tab(tab["handle"].as_str().expect("a tab").to_owned());
        self.visit(&tab, url).await;
        tab
    }

    /// Loads `url` in a tab.
    pub(crate) async fn visit(&self, tab: &Tab, url: &str) {
        self.switch_to(tab).await;
        self.call(Method::POST, "/url", &json!({ "url": url })).await;
    }

    /// Runs the body of a function in a tab, and returns its result. A promise is awaited.
    pub(crate) async fn run(&self, tab: &Tab, body: &str) -> Value {
        self.switch_to(tab).await;
        self.call(Method::POST, "/execute/sync", &json!({ "script": body, "args": [] })).await
    }

    /// Shows a tab as on a screen; its page has to be loaded again.
    pub(crate) async fn look(&self, tab: &Tab, screen: Screen) {
        self.switch_to(tab).await;
        let size = json!({ "width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.width < 600 });
        // Without motion, as a colour on its way to another one is neither of them.
        let features = [("prefers-color-scheme", screen.colours), ("prefers-reduced-motion", "reduce")];
        let features = features.map(|(name, value)| json!({ "name": name, "value": value }));
        for (command, params) in [
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setEmulatedMedia", json!({ "features": features })),
        ] {
            self.call(Method::POST, "/goog/cdp/execute", &json!({ "cmd": command, "params": params })).await;
        }
    }

    /// Clicks an element, and waits for the page that this loads.
    pub(crate) async fn click(&self, tab: &Tab, selector: &str) {
        let element = self.element(tab, selector).await;
        self.call(Method::POST, &format!("/element/{element}/click"), &json!({})).await;
    }

    /// Types a text into a field.
    pub(crate) async fn fill(&self, tab: &Tab, selector: &str, text: &str) {
        let element = self.element(tab, selector).await;
        self.call(Method::POST, &format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    /// Waits until an element shows a text.
    pub(crate) async fn sees(&self, tab: &Tab, selector: &str, text: &str) {
        cloakroom_testbed::until(text, Duration::from_secs(20), || async {
            let element = self.element(tab, selector).await;
            let path = format!("/element/{element}/text");
            // The page may have been loaded again since the element was found.
            match self.try_call(Method::GET, &path, None).await {
                Ok(Value::String(shown)) if shown.contains(text) => Ok(()),
                other => Err(cloakroom_testbed::Error::Unexpected(format!("{other:?}"))),
            }
        })
        .await
        .expect("the page shows it");
    }

    /// Waits for an element, and returns the driver's id of it.
    async fn element(&self, tab: &Tab, selector: &str) -> String {
        self.switch_to(tab).await;
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = cloakroom_testbed::until(selector, Duration::from_secs(20), || async {
            let found = self.try_call(Method::POST, "/element", Some(&wanted)).await;
            found.map_err(cloakroom_testbed::Error::Unexpected)
        })
        .await
        .expect("the page has it");
        let id = found.as_object().and_then(|found| found.values().next()?.as_str().map(str::to_owned));
        id.expect("an element")
    }

    async fn switch_to(&self, tab: &Tab) {
        self.call(Method::POST, "/window", &json!({ "handle": tab.0 })).await;
    }

    /// Waits until an expression is true in a tab.
    pub(crate) async fn wait_for(&self, tab: &Tab, expression: &str) {
        cloakroom_testbed::until(expression, Duration::from_secs(20), || async {
            match self.run(tab, &format!("return Boolean({expression})")).await {
                Value::Bool(true) => Ok(()),
                other => Err(cloakroom_testbed::Error::Unexpected(other.to_string())),
            }
        })
        .await
        .expect("the page gets there");
    }

    /// Ends the browser. Without it, the browser ends when its driver does.
    pub(crate) async fn quit(self) {
        self.call(Method::DELETE, "", &json!({})).await;
        drop(self.driver);
    }
}
