use crate::application::{ADMIN, Shown, app, device, in_memory, show, staff};

#[tokio::test]
async fn every_response_has_the_headers_and_nothing_is_inline() {
    let app = app(&in_memory());
    let (grace, _ada) = (staff(&app).await, device(&app, "ada", "Laptop").await);
    let session = show(&grace, "/user?id=ada").await.links("/session").remove(0);
    let session = session.strip_prefix(ADMIN).unwrap().to_owned();
    for path in ["", "/user?id=ada", &session, "/events", "/statistics", "/nowhere", "/user", "/session?id=x"] {
        let Shown(page) = show(&grace, path).await;
        let policy = page.header("content-security-policy").unwrap();
        for directive in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        let html = page.text();
        assert!(html.starts_with("<!doctype html>"), "{path}: {html}");
        for inline in [" style=", "<style", "<script>", "javascript:", " onclick", " onload"] {
            assert!(!html.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn assets_are_kept_by_the_browser_alone_and_change_their_address_with_their_content() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    let page = show(&grace, "/events").await.ok();
    for (name, media_type) in [("admin.css", "text/css; charset=utf-8"), ("admin.js", "text/javascript; charset=utf-8")]
    {
        let links = [page.attributes("href"), page.attributes("src")].concat();
        let link = links.iter().find(|link| link.contains(name)).unwrap();
        assert!(link.starts_with(&format!("{ADMIN}/assets/")) && link.contains("?v="), "{link}");
        let asset = grace.get(link).await;
        assert_eq!((asset.status().as_u16(), asset.header("content-type")), (200, Some(media_type)));
        assert!(asset.header("cache-control").unwrap().starts_with("private"));
    }
    assert_eq!(show(&grace, "/assets/nothing").await.0.status(), 404);
}

#[tokio::test]
async fn no_page_shows_a_token_or_a_value() {
    let sessions = in_memory();
    let app = app(&sessions);
    let (grace, ada) = (staff(&app).await, device(&app, "ada", "Laptop").await);
    ada.in_session(async |session| session.set(crate::stores::Cart(vec!["umbrella".to_owned()])).await.unwrap()).await;
    let tokens = [&grace, &ada].map(|client| client.cookie("__Host-session").unwrap());
    let session = show(&grace, "/user?id=ada").await.links("/session").remove(0);
    for path in ["", "/user?id=ada", session.strip_prefix(ADMIN).unwrap(), "/events", "/statistics"] {
        let page = show(&grace, path).await.ok().lacks("umbrella");
        for token in &tokens {
            assert!(!page.html().contains(&token[..16]), "{path}");
        }
    }
}
