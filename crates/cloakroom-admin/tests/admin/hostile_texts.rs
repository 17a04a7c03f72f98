//! User ids and labels that an application, or a visitor of a careless one, chose.

use crate::application::{app, device, follow, in_memory, show, staff, submit};

const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "a\u{202e}b\u{2066}c",
    "line\r\nbreak\nand\rmore",
    "\u{1}\u{1b}[2J\u{7f}",
    "/../user?id=bob&ended=9#x",
    "{{ 7 * 7 }}%7Bx%7D+ &amp;",
    "  spaces  ",
    "",
];

#[tokio::test]
async fn each_user_is_shown_harmlessly_found_and_ended() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    for text in HOSTILE {
        let ada = device(&app, text, text).await;
        assert_eq!(ada.get("/").await.text(), text);
        let overview = show(&grace, "").await.ok();
        let mut found = None;
        for link in overview.links("/user?") {
            let page = follow(&grace, &link).await.ok();
            if !page.html().contains("your own") && page.html().contains("End session") {
                found = Some(page);
            }
        }
        let page = found.expect("the user is in the list");
        for html in [overview.html(), page.html()] {
            for raw in ["<script>alert", "<img", "onerror=alert(1)>", "' onmouseover", "\u{202e}", "\u{1b}", "\u{1}"] {
                assert!(!html.contains(raw), "{text:?}: {raw:?} in {html}");
            }
        }
        let form = page.forms("/user/revoke").remove(0);
        submit(&grace, &page, &form).await.ok().has("1 session ended");
        assert_eq!(ada.get("/").await.text(), "nobody", "{text:?}");
    }
}

#[tokio::test]
async fn the_longest_id_is_cut_and_works() {
    let app = app(&in_memory());
    let (grace, id) = (staff(&app).await, "\u{7ff}".repeat(512));
    let _ada = device(&app, id.as_str(), "Laptop").await;
    let page = show(&grace, "").await.ok().has("512 characters");
    let link = page.links("/user?").into_iter().find(|link| link.len() > 1000).unwrap();
    let user = follow(&grace, &link).await.ok().has("Laptop").has("512 characters");
    submit(&grace, &user, &user.forms("/session/revoke")[0]).await.ok().has("1 session ended");
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused_or_find_nothing() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    for (path, status) in [
        ("/user", 400),
        ("/user?id=%ff%00", 200),
        ("/user?id=ada&id=bob", 400),
        ("/user?id=grace&after=nonsense", 400),
        ("?after=%00", 400),
        ("?ended=-1", 400),
        ("/session?id=0000000000000000000000000000000g", 400),
        ("/session?id=00000000000000000000000000000000", 404),
        ("/session?id=00000000000000000000000000000000&user=ada", 404),
        ("/events?reload=%3Cscript%3E", 200),
        ("/nowhere/%3Cscript%3E", 404),
    ] {
        let page = show(&grace, path).await.lacks("<script>");
        assert_eq!(page.0.status(), status, "{path}");
        assert!(page.html().contains("</html>"), "{path}");
    }
}
