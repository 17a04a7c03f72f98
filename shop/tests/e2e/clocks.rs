//! Two processes whose clocks differ.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use cloakroom_testbed::Server;

use crate::program::{shop, started};
use crate::support::{JSON, Visitor};

/// How far the second process is behind.
const BEHIND: Duration = Duration::from_secs(3);

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Starts a shop whose wall clock is behind, and whose timers are not.
///
/// Without the program `faketime` around it, which would outlive its end.
fn start_behind(behind: Duration, args: &[&str]) -> (Process, String) {
    let library = Command::new("faketime").args(["-f", "+0s", "printenv", "LD_PRELOAD"]).output();
    let library = String::from_utf8(library.expect("faketime is installed").stdout).expect("a path of text");
    let mut command = shop(args);
    command.env("LD_PRELOAD", library.trim()).env("FAKETIME", format!("-{}s", behind.as_secs()));
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let (child, site) = started(command);
    (Process(child), site)
}

async fn is_nobody(site: &str, token: &str) -> bool {
    let visitor = Visitor::at(site, JSON);
    visitor.take_token(Some(token.to_owned()));
    let page = visitor.get("/devices").await;
    assert!(page.status.is_success() || page.status.as_u16() == 401, "{page:?}");
    page.status.as_u16() == 401
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_a_login_or_a_logout_replaced_opens_nothing_where_the_clock_is_behind() {
    let server = Server::start().await.expect("redis-server is installed");
    let args = ["--port", "0", "--data", ":memory:", "--redis", &server.url(), "--database-delay", "0ms"];
    let (child, first) = started(shop(&args));
    let _first = Process(child);
    let (_second, second) = start_behind(BEHIND, &args);

    let mut dates = Vec::new();
    for site in [&first, &second] {
        let page = Visitor::at(site, JSON).get("/cart").await;
        dates.push(page.header("date").expect("a date").to_owned());
    }
    assert_ne!(dates[0], dates[1], "the clocks differ");

    let visitor = Visitor::at(&first, JSON);
    visitor.post("/cart/add/item123", &[]).await;
    let stranger = visitor.token().expect("a session");
    visitor.sign_in("alice").await;
    let alice = visitor.token().expect("a session");
    assert_ne!(stranger, alice);
    assert!(!is_nobody(&second, &alice).await, "the session is there");

    // For as long as the second process believes that the login is still to come.
    let login = Instant::now();
    while login.elapsed() < BEHIND + Duration::from_millis(500) {
        for site in [&first, &second] {
            assert!(is_nobody(site, &stranger).await, "the token of before the login opens alice's session");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    visitor.post("/logout", &[]).await;
    let logout = Instant::now();
    let mut noticed = false;
    while logout.elapsed() < BEHIND + Duration::from_millis(500) {
        noticed |= is_nobody(&second, &alice).await;
        assert!(!noticed || is_nobody(&second, &alice).await, "the session is back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(noticed, "the session has ended");
}
