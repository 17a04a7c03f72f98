//! R09: a routine renewal keeps the old token valid for a short grace, and issues only one new
//! token.

use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::{Browser, Deployment, Node, Reply, VERBS, secs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r09_twenty_requests_at_a_renewal_all_work_and_one_new_token_is_given() {
    for deployment in Deployment::local_and_slightly_skewed() {
        let [first, second] = deployment.nodes();
        for _ in 0..50 {
            let mut browser = Browser::new(&first.app);
            browser.post("/note/mine").await.ok();
            let mut requests = JoinSet::new();
            for number in 0..20 {
                let mut tab = browser.at(if number % 2 == 0 { &first.app } else { &second.app });
                requests.spawn(async move { (tab.post("/do/renew").await.ok(), tab.get("/note").await.ok()) });
            }
            let replies = requests.join_all().await;
            assert!(replies.iter().all(|(_, note)| note.body == "mine"));
            let issued: Vec<String> =
                replies.iter().filter_map(|(renewal, _)| new_bare_token(renewal, &browser)).collect();
            assert_eq!(issued.len(), 1, "{issued:?}");
        }
    }
}

/// The token without its hint that a response issues, if it differs from the browser's.
fn new_bare_token(reply: &Reply, browser: &Browser) -> Option<String> {
    let issued = crate::support::bare_token(reply.new_cookie()?).to_owned();
    (issued != browser.bare_token()).then_some(issued)
}

#[tokio::test]
async fn r09_the_old_token_reads_and_writes_in_its_grace_and_sets_no_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        let mut late_browser = browser.clone();
        browser.post("/do/renew").await.ok();
        for path in ["/do/get", "/do/principal", "/do/load"] {
            assert_eq!(late_browser.get(path).await.ok().set_cookie(), None, "{path}");
        }
        let reply = late_browser.post("/count").await.ok();
        assert_eq!(reply.body, "2");
        assert_eq!(reply.set_cookie(), None, "it would overwrite the new token in the browser");
        assert_eq!(browser.get("/count").await.ok().body, "2");
    }
}

/// Performs every verb with the old token, in the grace of a renewal: it could come from a thief.
/// `docs/decisions.md` gives the reasons.
#[tokio::test]
async fn r09_in_its_grace_no_verb_that_proves_nothing_gives_a_new_token_for_an_old_one() {
    let refused: [&str; 1] = ["rotate"];
    let issues_a_token: [&str; 1] = ["login"];
    for deployment in Deployment::local_and_slightly_skewed() {
        for verb in VERBS {
            let [first, second] = deployment.nodes();
            for node in [&first, &second] {
                let mut browser = Browser::new(&first.app);
                browser.post("/note/mine").await.ok();
                browser.post("/kept/cart").await.ok();
                let old_token_client = browser.clone();
                browser.post("/do/renew").await.ok();
                let reply = old_token_client.at(&node.app).post(&format!("/do/{verb}")).await;
                assert_eq!(reply.status == StatusCode::UNAUTHORIZED, refused.contains(&verb), "{verb}");
                let issued = reply.new_cookie().is_some_and(|issued| !issued.is_empty());
                assert_eq!(issued, issues_a_token.contains(&verb), "{verb}");
                if verb == "rotate" {
                    assert_eq!(browser.get("/note").await.ok().body, "mine", "the current token stays valid");
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
        let mut late_browser = browser.clone();
        browser.post("/do/renew").await.ok();
        let reply = late_browser.post("/do/remember").await.ok();
        assert_eq!(reply.set_cookie(), None, "it would overwrite the new token in the browser");
    }
}

#[tokio::test]
async fn r09_the_old_token_is_dead_after_the_grace() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/note/mine").await.ok();
        let old = browser.cookie.clone().unwrap();
        browser.post("/do/renew").await.ok();
        deployment.clock.advance(secs(9));
        for node in [&first, &second] {
            assert_eq!(Browser::holding(&node.app, old.clone()).get("/note").await.ok().body, "mine");
        }
        deployment.clock.advance(secs(2));
        for node in [&first, &second] {
            let mut attacker = Browser::holding(&node.app, old.clone());
            assert_eq!(attacker.get("/note").await.ok().body, "nothing");
            assert_eq!(attacker.post("/note/evil").await.status, StatusCode::UNAUTHORIZED);
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
        // The login comes with the old token, within its grace.
        let mut late_browser = Browser::holding(&node.app, first.clone());
        late_browser.post("/login/alice").await.ok();
        assert_eq!(late_browser.get("/whoami").await.ok().body, "alice");
        for dead in [first, second] {
            assert_eq!(Browser::holding(&node.app, dead).get("/note").await.ok().body, "nothing");
        }
    }
}
