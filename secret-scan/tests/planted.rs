//! Tests that the scan finds a secret wherever it is printed.
//!
//! Each test plants one leak in a run of its own: it starts this test program again, recorded, with
//! its output in the folder that is searched.

#[path = "../../crates/cloakroom/tests/support/recording.rs"]
mod recording;

use std::fs::File;
use std::process::Command;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use cloakroom::{Key, KeyRing, OsRandom, RandomSource as _, Session, SessionLayer, SessionValue};
use cloakroom_secret_scan::{Report, derive, examine, is_recording, record};
use http::Request;
use http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use recording::{Recording, recorded};

/// The environment variable that selects the leak of a run.
const PLANT: &str = "CLOAKROOM_PLANTED_LEAK";

#[derive(Clone, Serialize, Deserialize)]
struct Note(String);

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// A type with a careless `Debug`, such as an application might have.
#[derive(Debug)]
#[expect(dead_code, reason = "its `Debug` reads it")]
struct Careless {
    name: &'static str,
    secret: [u8; 16],
}

/// The recorded run, which plants nothing unless a test below has started it.
#[tokio::test]
async fn a_visit() {
    let Ok(plant) = std::env::var(PLANT) else { return };
    assert!(is_recording(), "the test that starts this run names a folder");
    let key = random_key();
    let sessions = recorded().keys(KeyRing::new(Key::new(1, key).expect("random"))).build().expect("valid");
    let note = "a text that nobody else may read";
    record("value", note);
    let app = Router::new()
        .route("/", any(async |session: Session| session.login("ada").await))
        .route("/note", any(async move |session: Session| session.set(Note(note.to_owned())).await))
        .layer(SessionLayer::new(sessions));
    let response = app.clone().oneshot(Request::new(Body::empty())).await.expect("infallible");
    let cookie = response.headers()[SET_COOKIE].to_str().expect("text").split(';').next().expect("a cookie").to_owned();
    let token = cookie.strip_prefix("__Host-session=").expect("the default name");
    record("token", token);
    let request = Request::get("/note").header("cookie", &cookie).body(Body::empty()).expect("a request");
    assert!(app.oneshot(request).await.expect("infallible").status().is_success());
    leak(&plant, token, &key, note);
}

fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    Recording(OsRandom).fill(&mut key).expect("randomness");
    record("key", key);
    key
}

#[expect(clippy::print_stdout, reason = "that is the leak")]
fn leak(plant: &str, token: &str, key: &[u8; 32], note: &str) {
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, token).expect("base64");
    let (selector, secret) =
        (decoded[1..17].try_into().expect("16 bytes"), decoded[17..33].try_into().expect("16 bytes"));
    match plant {
        "nothing" => println!("a line that is no secret: {}", note.len()),
        "token" => eprintln!("refused the request with `Cookie: __Host-session={token}`"),
        "debug" => println!("{:?}", Careless { name: "session", secret }),
        "pretty debug" => println!("{:#?}", Careless { name: "session", secret }),
        "log line" => tracing::trace!(store_key = %hex(&secret), "looked up"),
        "field of a span" => drop(tracing::trace_span!("request", cookie = token)),
        "standard output" => println!("{}", *Key::new(1, key).expect("random").to_entry()),
        "verifier" => {
            tracing::debug!(verifier = ?derive::verifier(&derive::csrf_secret("", &selector, &secret)), "compared");
        }
        "CSRF secret" => tracing::debug!("{}", hex(&derive::csrf_secret("", &selector, &secret))),
        "derived key" => eprintln!("{:?}", derive::derived_key(key, "token", "cookie:__Host-session")),
        "selector" => println!("GET shop:session:{{{}}}", hex(&selector)),
        "value" => tracing::error!("cannot decode {{\"note\":\"{note}\"}}"),
        "panic" => panic_elsewhere(token.to_owned()),
        plant => panic!("there is no leak called {plant}"),
    }
}

fn panic_elsewhere(token: String) {
    drop(std::thread::spawn(move || panic!("no session {token}")).join());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs `a_visit` with one leak, and searches its output.
fn search(plant: &str) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let output = File::create(folder.path().join("output")).expect("a file");
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_visit", "--nocapture"])
        .env("CLOAKROOM_SECRET_SCAN", folder.path())
        .env(PLANT, plant)
        .stdout(output.try_clone().expect("a file"))
        .stderr(output)
        .status();
    assert!(status.expect("this program runs").success(), "{}", plant);
    let report = examine(folder.path()).expect("the folder can be read");
    assert!(!report.proves_nothing());
    report
}

#[track_caller]
fn finds(plant: &str, kinds: &[&str]) {
    let found: Vec<String> = search(plant).leaks.into_iter().map(|(_, leak)| leak.what).collect();
    assert!(kinds.iter().all(|kind| found.iter().any(|found| found == kind)), "{plant}: found only {found:?}");
}

#[test]
fn r55_a_run_without_a_leak_is_clean_and_its_secrets_were_looked_for() {
    let report = search("nothing");
    assert_eq!(report.leaks, []);
    for kind in ["random number", "derived key", "verifier", "CSRF secret", "value"] {
        assert!(report.secrets.contains_key(kind), "{kind}: {:?}", report.secrets);
    }
}

#[test]
fn r55_a_token_in_the_standard_error_is_found() {
    finds("token", &["random number"]);
}

#[test]
fn r55_the_debug_output_of_a_secret_is_found() {
    finds("debug", &["random number"]);
    finds("pretty debug", &["random number"]);
}

#[test]
fn r55_a_secret_in_a_log_line_is_found_at_every_level() {
    finds("log line", &["random number"]);
    finds("field of a span", &["random number"]);
}

#[test]
fn r55_a_key_in_the_standard_output_is_found() {
    finds("standard output", &["random number"]);
}

#[test]
fn r55_what_follows_from_a_secret_is_found_as_well() {
    finds("verifier", &["verifier"]);
    finds("CSRF secret", &["CSRF secret"]);
    finds("derived key", &["derived key"]);
}

#[test]
fn r55_a_tag_in_the_name_of_a_key_is_found() {
    finds("selector", &["random number"]);
}

#[test]
fn r55_what_a_session_holds_is_found_in_an_error() {
    finds("value", &["value"]);
}

#[test]
fn r55_a_token_in_the_message_of_a_panic_is_found() {
    finds("panic", &["random number"]);
}

/// A search of an empty folder must not look like one that found nothing.
#[test]
fn an_empty_folder_proves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(examine(folder.path()).expect("it can be read").proves_nothing());
    std::fs::write(folder.path().join("output"), "a line").expect("a file");
    assert!(examine(folder.path()).expect("it can be read").proves_nothing());
}
