//! R09: routine renewal leaves the old token a short grace, and gives one new token only.

use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::{Browser, Deployment, Node, Reply, VERBS, secs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r09_twenty_requests_at_a_renewal_all_work_and_one_new_token_is_given() {
    for deployment in Deployment::alone_and_a_little_apart() {
        let [here, there] = deployment.nodes();
        for _ in 0..50 {
            let mut browser = Browser::new(&here.app);
            browser.post("/note/mine").await.ok();
            let mut requests = JoinSet::new();
            for number in 0..20 {
                let mut tab = browser.at(if number % 2 == 0 { &here.app } else { &there.app });
                requests.spawn(async move { (tab.post("/do/renew").await.ok(), tab.get("/note").await.ok()) });
            }
            let replies = requests.join_all().await;
            assert!(replies.iter().all(|(_, note)| note.body == "mine"));
            let given: Vec<String> = replies.iter().filter_map(|(renewal, _)| new_ticket(renewal, &browser)).collect();
            assert_eq!(given.len(), 1, "{given:?}");
        }
    }
}

/// The ticket that a reply gives, if it is another one than the browser's.
fn new_ticket(reply: &Reply, browser: &Browser) -> Option<String> {
    let given = crate::support::ticket(reply.given()?).to_owned();
    (given != browser.ticket()).then_some(given)
}

#[tokio::test]
async fn r09_the_old_token_reads_and_writes_in_its_grace_and_sets_no_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        let mut straggler = browser.clone();
        browser.post("/do/renew").await.ok();
        for path in ["/do/get", "/do/principal", "/do/load"] {
            assert_eq!(straggler.get(path).await.ok().set_cookie(), None, "{path}");
        }
        let reply = straggler.post("/count").await.ok();
        assert_eq!(reply.body, "2");
        assert_eq!(reply.set_cookie(), None, "it would overwrite the new token in the browser");
        assert_eq!(browser.get("/count").await.ok().body, "2");
    }
}

/// What a holder of a renewed token may do in its grace, verb by verb: whoever took it off a client's machine may be that
/// holder. `docs/decisions.md` has the reasons.
#[tokio::test]
async fn r09_in_its_grace_no_verb_that_proves_nothing_gives_a_new_token_for_an_old_one() {
    let refused: [&str; 1] = ["rotate"];
    let gives_a_token: [&str; 1] = ["login"];
    for deployment in Deployment::alone_and_a_little_apart() {
        for verb in VERBS {
            let [here, there] = deployment.nodes();
            for node in [&here, &there] {
                let mut browser = Browser::new(&here.app);
                browser.post("/note/mine").await.ok();
                browser.post("/kept/cart").await.ok();
                let holder = browser.clone();
                browser.post("/do/renew").await.ok();
                let reply = holder.at(&node.app).post(&format!("/do/{verb}")).await;
                assert_eq!(reply.status == StatusCode::UNAUTHORIZED, refused.contains(&verb), "{verb}");
                let given = reply.given().is_some_and(|given| !given.is_empty());
                assert_eq!(given, gives_a_token.contains(&verb), "{verb}");
                if verb == "rotate" {
                    assert_eq!(browser.get("/note").await.ok().body, "mine", "the present token stays good");
                }
            }
        }
    }
}

#[tokio::test]
async fn r09_remembering_under_the_old_token_does_not_give_the_old_token_back() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        let mut straggler = browser.clone();
        browser.post("/do/renew").await.ok();
        let reply = straggler.post("/do/remember").await.ok();
        assert_eq!(reply.set_cookie(), None, "it would overwrite the new token in the browser");
    }
}

#[tokio::test]
async fn r09_the_old_token_is_dead_after_the_grace() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let mut browser = Browser::new(&here.app);
        browser.post("/note/mine").await.ok();
        let old = browser.cookie.clone().unwrap();
        browser.post("/do/renew").await.ok();
        deployment.clock.advance(secs(9));
        for node in [&here, &there] {
            assert_eq!(Browser::holding(&node.app, old.clone()).get("/note").await.ok().body, "mine");
        }
        deployment.clock.advance(secs(2));
        for node in [&here, &there] {
            let mut thief = Browser::holding(&node.app, old.clone());
            assert_eq!(thief.get("/note").await.ok().body, "nothing");
            assert_eq!(thief.post("/note/evil").await.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(browser.get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn r09_the_grace_is_bounded_and_may_be_none() {
    for deployment in Deployment::both() {
        assert_eq!(deployment.builder().renewal_grace(secs(61)).build().unwrap_err().setting(), "renewal_grace");
        assert!(deployment.builder().renewal_grace(secs(60)).build().is_ok());
        let node = Node::new(deployment.builder().renewal_grace(secs(0)));
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let old = browser.cookie.clone().unwrap();
        browser.post("/do/renew").await.ok();
        assert_eq!(Browser::holding(&node.app, old).get("/note").await.ok().body, "nothing");
    }
}

#[tokio::test]
async fn r09_a_login_gives_no_grace_even_in_the_grace_of_a_renewal() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let first = browser.cookie.clone().unwrap();
        browser.post("/do/renew").await.ok();
        let second = browser.cookie.clone().unwrap();
        // The login comes with the token that lingers.
        let mut straggler = Browser::holding(&node.app, first.clone());
        straggler.post("/login/alice").await.ok();
        assert_eq!(straggler.get("/whoami").await.ok().body, "alice");
        for dead in [first, second] {
            assert_eq!(Browser::holding(&node.app, dead).get("/note").await.ok().body, "nothing");
        }
    }
}
