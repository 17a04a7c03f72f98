//! R25, R61, R64: an invalid configuration is rejected before anything is sent, with the field and
//! the remedy.

use cloakroom_redis::{ConnectError, RedisStore};

#[path = "../../corpus/configuration.rs"]
pub(super) mod corpus;

use corpus::{ADDRESSES, BUILDERS, PASSWORD};

fn connect_error(why: &str, outcome: Result<RedisStore, ConnectError>) -> ConnectError {
    let Err(error) = outcome else { panic!("{why}: the configuration was accepted") };
    for text in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
        assert!(!text.contains(PASSWORD), "{why}: {text}");
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{why}: {text:?}");
        assert!(!text.contains("cannot be reached"), "{why}: only the connection attempt failed: {text}");
    }
    error
}

#[tokio::test]
async fn r61_r64_an_address_that_cannot_be_meant_is_refused_before_anything_is_sent() {
    for (why, address, field, remedy) in ADDRESSES {
        let error = connect_error(why, RedisStore::connect(address).await);
        let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|problem| problem.starts_with(&format!("`{field}` "))), "{why}: {problems:?}");
        assert!(error.to_string().contains(remedy), "{why}: {error}");
    }
}

#[tokio::test]
async fn r25_a_builder_that_cannot_work_says_everything_that_is_wrong() {
    for (why, build, fields, remedy) in BUILDERS {
        let error = connect_error(why, build().connect().await);
        assert_eq!(error.problems().len(), fields.len(), "{why}: {error}");
        for field in *fields {
            let names = |problem: &cloakroom_redis::Problem| problem.to_string().starts_with(&format!("`{field}` "));
            assert!(error.problems().iter().any(names), "{why}, {field}: {error}");
        }
        assert!(error.to_string().contains(remedy), "{why}: {error}");
    }
    assert!(ADDRESSES.len() + BUILDERS.len() >= 75, "{}", ADDRESSES.len() + BUILDERS.len());
}

#[cfg(unix)]
#[tokio::test]
async fn the_address_of_a_socket_is_one_and_may_say_who_asks() {
    let nowhere = "redis+unix:///nowhere/redis.sock?namespace=shop&db=1&user=shop&pass=open-sesame";
    let error = RedisStore::connect(nowhere).await.unwrap_err().to_string();
    assert!(error.contains("server: cannot be reached") && !error.contains(PASSWORD), "{error}");
}
