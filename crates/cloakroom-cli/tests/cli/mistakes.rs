use cloakroom_sqlx::SqliteStore;
use tempfile::TempDir;

use crate::application::Place;
use crate::program::cloakroom;

/// The message of a run that fails.
fn refusal(store: Option<&str>, arguments: &[&str]) -> String {
    let run = cloakroom(store, arguments);
    assert!(!run.success, "{run:?}");
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn each_mistake_has_a_message_with_the_remedy() {
    for (store, arguments, words) in [
        (None, &["list"][..], "CLOAKROOM_STORE"),
        (Some("sessions.db"), &["list"], "sqlite:sessions.db"),
        (Some("mysql://localhost/"), &["list"], "postgres://localhost/shop"),
        (Some("redis://127.0.0.1:1/"), &["list"], "refused"),
        (Some("sqlite:/no/such/file.db"), &["list"], "no such file"),
        (Some("redis://127.0.0.1:1/"), &["show", "short"], "32 lower-case hexadecimal digits"),
        (Some("redis://127.0.0.1:1/"), &["revoke"], "--user"),
        (None, &["keygen", "256"], "0..=255"),
    ] {
        let text = refusal(store, arguments);
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
}

#[test]
fn a_password_is_not_printed() {
    for arguments in [&["list"][..], &["doctor"], &["--help"]] {
        let run = cloakroom(Some("redis://user:hunter2@127.0.0.1:1/"), arguments);
        assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_user_are_not_ended_without_confirmation() {
    let place = &Place::all().await[0];
    place.fill().await;
    let text = refusal(Some(&place.address()), &["revoke", "--user", "ada"]);
    assert!(text.contains("--yes"), "{text}");
    let counts = cloakroom(Some(&place.address()), &["stats", "--json"]).json();
    assert_eq!(counts["sessions"], 3);
}

/// A script must not take a wrong namespace, or a mistyped user, for sessions that were ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_ends_nothing_fails() {
    for place in Place::all().await {
        place.fill().await;
        let text = refusal(Some(&place.address()), &["revoke", "--user", "nobody", "--yes"]);
        assert!(text.contains("namespace"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_an_application_uses_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let text = refusal(Some(&format!("sqlite:{}", path.display())), &["list"]);
    assert!(text.contains(&format!("{}", std::process::id())), "it names the process: {text}");
    assert!(text.contains("`doctor`") && !text.contains("take_over_timeout"), "it names a remedy of commands: {text}");
    store.close().await;
}
