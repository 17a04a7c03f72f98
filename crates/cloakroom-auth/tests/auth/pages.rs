//! The corpus of pages to return to, through an application.

use http::Method;

use crate::application::{Db, PAGE, node, send_with};
use crate::corpus::pages::{HARMLESS, HOSTILE};
use crate::figures::assert_said;
use crate::support::Deployment;

#[test]
fn the_page_says_how_many_hostile_pages_there_are() {
    assert_said(&[("pages to return to", HARMLESS.len() + HOSTILE.len())]);
}

#[tokio::test]
async fn r71_no_hostile_page_is_returned_to_after_a_login_and_every_harmless_one_is() {
    let node = node(&Deployment::local(), &Db::new());
    let harmless = HARMLESS.iter().map(|(page, what)| (page, page, what));
    for (page, reached, what) in harmless.chain(HOSTILE.iter().map(|(page, what)| (page, &"/home", what))) {
        let query: String = page.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let reply = send_with(&node, None, (Method::POST, &format!("/sign-in/ada?next={query}")), PAGE).await;
        assert_eq!(reply.header("location"), [*reached], "{what}");
    }
}
