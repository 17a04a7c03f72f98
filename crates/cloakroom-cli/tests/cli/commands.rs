use cloakroom_testbed::Server;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_each_store_in_order() {
    for place in Place::all().await {
        place.fill().await;
        let run = cloakroom(Some(&place.address()), &["doctor"]);
        assert!(run.success, "{run:?}");
        assert!(!run.stdout.contains("FAIL"), "{run:?}");
        let left = cloakroom(Some(&place.address()), &["stats", "--json"]).json();
        assert_eq!(left["sessions"], 3, "its own session is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_is_wrong_with_a_servers_configuration() {
    let server = Server::start().await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await.unwrap();
    let run = cloakroom(Some(&server.url()), &["doctor"]);
    assert!(run.success, "sessions work: {run:?}");
    let warning = run.stdout.lines().find(|line| line.contains("maxmemory-policy allkeys-lru")).expect("a warning");
    assert!(warning.starts_with("WARN  configuration of the server: "), "{warning}");
    assert!(warning.ends_with("set `noeviction`"), "{warning}");
    let json = cloakroom(Some(&server.url()), &["doctor", "--json"]).json();
    let results: Vec<_> = json.as_array().unwrap().iter().map(|check| check["result"].as_str().unwrap()).collect();
    assert!(results.contains(&"ok") && results.contains(&"warning"), "{json}");
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
