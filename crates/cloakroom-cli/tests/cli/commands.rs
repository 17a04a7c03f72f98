use serde_json::json;

use crate::application::Place;
use crate::program::cloakroom;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_found_and_ended_in_each_store() {
    for place in Place::all().await {
        place.fill().await;
        let address = place.address();
        let run = |arguments: &[&str]| {
            let run = cloakroom(Some(&address), arguments);
            assert!(run.success, "{address} {arguments:?}: {run:?}");
            run
        };
        assert_eq!(run(&["stats", "--json"]).json(), json!({ "sessions": 3, "users": 1 }), "{address}");
        assert_eq!(run(&["users", "--json"]).json()["items"], json!(["ada"]));
        assert_eq!(run(&["list", "--json"]).json()["items"].as_array().unwrap().len(), 3);

        let listed = run(&["list", "--user", "ada", "--json"]).json();
        let sessions = listed["items"].as_array().unwrap();
        let mut labels: Vec<_> = sessions.iter().map(|session| session["label"].as_str().unwrap()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["Laptop", "Phone"]);
        let id = sessions[0]["id"].as_str().unwrap();
        let table = run(&["list", "--user", "ada"]).stdout;
        assert!(table.contains(id) && table.contains("Phone") && table.contains("sessions: 2"), "{table}");

        let shown = run(&["show", id]).stdout;
        assert!(shown.contains("cart") && !shown.contains("umbrella"), "{shown}");
        assert!(run(&["show", id, "--values"]).stdout.contains("umbrella"));
        let stored = &run(&["show", id, "--values", "--json"]).json()["stored"];
        assert_eq!(stored[0]["value"], json!(["umbrella"]), "{stored}");

        assert_eq!(run(&["revoke", id, "--json"]).json(), json!({ "ended": 1 }));
        let again = cloakroom(Some(&address), &["revoke", id]);
        assert!(!again.success && again.stderr.contains("no session"), "{again:?}");
        assert_eq!(run(&["revoke", "--user", "ada", "--yes", "--json"]).json(), json!({ "ended": 1 }));
        assert_eq!(run(&["stats", "--json"]).json()["sessions"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_list_of_users_says_that_there_are_more() {
    let place = &Place::all().await[2];
    place.fill().await;
    let run = cloakroom(Some(&place.address()), &["users", "--limit", "0"]);
    assert!(run.stdout.contains("there are more: raise --limit"), "{run:?}");
    assert_eq!(cloakroom(Some(&place.address()), &["users"]).stdout, "ada\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_list_says_that_there_are_more() {
    let place = &Place::all().await[2];
    place.fill().await;
    let run = cloakroom(Some(&place.address()), &["list", "--limit", "2"]);
    assert!(run.stdout.contains("sessions: 2; there are more"), "{run:?}");
}

#[test]
fn each_new_key_is_another_one_that_a_key_ring_reads() {
    let keys: Vec<_> = (0..2).map(|_| cloakroom(None, &["keygen", "7"]).stdout).collect();
    assert_ne!(keys[0], keys[1]);
    for key in keys {
        assert!(key.starts_with("7:"), "{key}");
        key.trim().parse::<cloakroom::KeyRing>().expect("the text is a key ring");
    }
}
