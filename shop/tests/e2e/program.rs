//! The program itself: its command line, its start and its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cloakroom_testbed::{Postgres, Proxy, Server};

pub(crate) fn shop(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom-shop"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(args: &[&str]) -> (Option<i32>, String, String) {
    let output = shop(args).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A running shop, and the address that it printed.
fn start(args: &[&str]) -> (Child, String) {
    // A delay would only make the tests slower.
    started(shop(&[args, &["--database-delay", "0ms"]].concat()))
}

pub(crate) fn started(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let greeting = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines: Vec<String> = greeting.lines().map_while(Result::ok).take(8).collect();
    let site = lines[0].strip_prefix("The shop is open: ").expect("the address").to_owned();
    assert_eq!(lines.iter().filter(|line| line.trim_start().starts_with("curl ")).count(), 3, "{lines:?}");
    (child, site)
}

#[tokio::test]
async fn it_starts_answers_and_closes_when_asked() {
    let (mut child, site) = start(&["--port", "0", "--data", ":memory:"]);
    let answer = reqwest::get(format!("{site}/cart")).await.expect("an answer").text().await.expect("a body");
    assert_eq!(answer, "Cart: []");
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(asked.success());
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("a task").expect("a status");
    assert!(status.success(), "{status}");
}

#[test]
fn a_taken_port_is_named_with_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let (code, _, error) = output(&["--port", &port.to_string(), "--data", ":memory:"]);
    assert_eq!(code, Some(1));
    assert!(error.starts_with(&format!("error: port {port} on 127.0.0.1 is taken")), "{error}");
    assert!(error.contains("--port") && error.lines().count() == 1, "a remedy, and no backtrace: {error}");
}

#[test]
fn help_names_every_option() {
    let (code, help, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    for option in [
        "--port",
        "--host",
        "--data",
        "--memory",
        "--redis",
        "--postgres",
        "--no-session-cache",
        "--database-delay",
        "--short-timeouts",
    ] {
        assert!(help.contains(option), "{option} is missing: {help}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_is_named() {
    let (code, _, error) = output(&["--port", "0", "--data", "/dev/null/shop"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("cannot create the data folder /dev/null/shop") && error.contains("--data"), "{error}");
}

#[tokio::test]
async fn what_is_saved_in_the_data_folder_survives_a_restart() {
    let folder = std::env::temp_dir().join(format!("cloakroom-shop-{}", std::process::id()));
    let data = folder.to_str().expect("a path of text").to_owned();
    for (form, expected) in [(Some("theme=dark&language=de"), "de"), (None, "de")] {
        let (mut child, site) = start(&["--port", "0", "--data", &data]);
        let client = crate::support::http_client();
        let post = |path: &str, form: &'static str| {
            client.post(format!("{site}{path}")).header("content-type", "application/x-www-form-urlencoded").body(form)
        };
        let reply = post("/login", "name=alice&password=alice-demo").send().await.expect("an answer");
        let cookie =
            reply.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        if let Some(form) = form {
            let post = post("/preferences", form).header("cookie", &cookie).header("sec-fetch-site", "none");
            post.send().await.expect("an answer");
        }
        let page = client.get(format!("{site}/preferences")).header("cookie", &cookie).send().await.expect("an answer");
        assert!(page.text().await.expect("a body").ends_with(expected));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
    tokio::time::timeout(Duration::from_secs(5), tokio::fs::remove_dir_all(folder))
        .await
        .expect("in time")
        .expect("done");
}

/// A visitor of a running shop, with its session cookie.
struct Visitor {
    client: reqwest::Client,
    cookie: Option<String>,
}

impl Visitor {
    fn new() -> Self {
        Self { client: crate::support::http_client(), cookie: None }
    }

    async fn post(&mut self, site: &str, path: &str, form: &'static str) {
        let mut request = self.client.post(format!("{site}{path}")).header("sec-fetch-site", "none");
        request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let reply = request.send().await.expect("an answer");
        let Some(cookie) = reply.headers().get("set-cookie") else { return };
        let (cookie, attributes) = cookie.to_str().expect("text").split_once(';').expect("attributes");
        self.cookie = (!attributes.contains("Max-Age=0")).then(|| cookie.to_owned());
        if self.cookie.is_some() {
            cloakroom_secret_scan::record("token", cookie.strip_prefix("session=").expect("the session's cookie"));
        }
    }

    async fn get(&self, site: &str, path: &str) -> String {
        let request = self.client.get(format!("{site}{path}")).header("cookie", self.cookie.as_deref().unwrap_or(""));
        request.send().await.expect("an answer").text().await.expect("a body")
    }
}

/// Kills the shop, and starts it again with the same arguments.
fn kill_and_start((mut child, _): (Child, String), args: &[&str]) -> (Child, String) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    start(args)
}

/// Kills a shop with these arguments again and again, and compares what its visitors see.
async fn survives_kills(args: &[&str]) {
    let mut shop = start(args);
    let (mut alice, mut guest) = (Visitor::new(), Visitor::new());
    alice.post(&shop.1, "/login", "name=alice&password=alice-demo").await;
    alice.post(&shop.1, "/cart/add/gloves", "").await;
    guest.post(&shop.1, "/cart/add/gloves", "").await;
    let (cart, devices) = (alice.get(&shop.1, "/cart").await, alice.get(&shop.1, "/devices").await);
    assert_ne!(cart, "Cart: []");
    for _ in 0..2 {
        shop = kill_and_start(shop, args);
        assert_eq!(alice.get(&shop.1, "/cart").await, cart);
        assert_eq!(guest.get(&shop.1, "/cart").await, cart);
        assert_eq!(alice.get(&shop.1, "/devices").await.lines().count(), devices.lines().count());
    }
    let before = alice.cookie.clone();
    alice.post(&shop.1, "/logout", "").await;
    alice.cookie = before;
    shop = kill_and_start(shop, args);
    assert_eq!(alice.get(&shop.1, "/cart").await, "Cart: []", "an ended session stays ended");
    assert_eq!(guest.get(&shop.1, "/cart").await, cart);
    shop.0.kill().expect("it runs");
    shop.0.wait().expect("it ends");
}

#[tokio::test]
async fn cart_login_and_devices_survive_a_kill_of_the_program() {
    let folder = std::env::temp_dir().join(format!("cloakroom-shop-killed-{}", std::process::id()));
    let data = folder.to_str().expect("a path of text").to_owned();
    survives_kills(&["--port", "0", "--data", &data]).await;
    tokio::fs::remove_dir_all(folder).await.expect("done");
}

#[tokio::test]
async fn sessions_on_a_server_survive_a_kill_of_the_program() {
    let redis = Server::start().await.expect("redis-server is installed");
    let postgres = Postgres::start().await.expect("PostgreSQL is installed");
    for (flag, url) in [("--redis", redis.url()), ("--postgres", postgres.url())] {
        let folder = std::env::temp_dir().join(format!("cloakroom-shop{flag}-{}", std::process::id()));
        let data = folder.to_str().expect("a path of text").to_owned();
        survives_kills(&["--port", "0", "--data", &data, flag, &url]).await;
        assert!(!folder.join("sessions.db").exists(), "they are on the server alone");
        tokio::fs::remove_dir_all(folder).await.expect("done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_starts_before_its_postgres_waits_for_it() {
    let postgres = Postgres::start().await.expect("PostgreSQL is installed");
    let proxy = Proxy::start(postgres.address()).await.expect("a free port");
    proxy.refuse().await.expect("the port is ours");
    let url = postgres.url_through(proxy.port());
    let mut early = shop(&["--port", "0", "--data", ":memory:", "--postgres", &url]).spawn().expect("the program runs");
    // Long enough for a program that does not wait to end.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(early.try_wait().expect("a status"), None, "it waits");
    proxy.accept().await.expect("the port is ours");
    let greeting = early.stdout.take().expect("a pipe");
    let first = tokio::task::spawn_blocking(|| BufReader::new(greeting).lines().next());
    let line = first.await.expect("a task").expect("a line").expect("text");
    early.kill().expect("it runs");
    early.wait().expect("it ends");
    assert!(line.starts_with("The shop is open: "), "{line}");
}

#[tokio::test]
async fn with_memory_the_end_of_the_program_ends_the_sessions() {
    let folder = std::env::temp_dir().join(format!("cloakroom-shop-memory-{}", std::process::id()));
    let data = folder.to_str().expect("a path of text").to_owned();
    let args = ["--port", "0", "--data", &data, "--memory"];
    let mut shop = start(&args);
    let mut guest = Visitor::new();
    guest.post(&shop.1, "/cart/add/gloves", "").await;
    assert_ne!(guest.get(&shop.1, "/cart").await, "Cart: []");
    shop = kill_and_start(shop, &args);
    assert_eq!(guest.get(&shop.1, "/cart").await, "Cart: []");
    shop.0.kill().expect("it runs");
    shop.0.wait().expect("it ends");
    assert!(!folder.join("sessions.db").exists());
    tokio::fs::remove_dir_all(folder).await.expect("done");
}

#[tokio::test]
async fn a_second_shop_on_the_same_data_names_the_first_one() {
    let folder = std::env::temp_dir().join(format!("cloakroom-shop-twice-{}", std::process::id()));
    let data = folder.to_str().expect("a path of text").to_owned();
    let mut first = start(&["--port", "0", "--data", &data]);
    let second = data.clone();
    let refused = tokio::task::spawn_blocking(move || output(&["--port", "0", "--data", &second]));
    let (code, _, error) = refused.await.expect("a task");
    assert_eq!(code, Some(1));
    assert!(error.contains(&format!("process {}", first.0.id())), "{error}");
    assert!(error.contains("sessions.db") && error.contains("end that process"), "{error}");
    first.0.kill().expect("it runs");
    first.0.wait().expect("it ends");
    tokio::fs::remove_dir_all(folder).await.expect("done");
}
