//! The pages in a real browser: readable, reachable by finger and keyboard, and clear at a first look.

use std::time::Duration;

use cloakroom_shop::{Db, sessions};
use cloakroom_testkit::ManualClock;
use serde_json::Value;

use crate::browser::{Browser, Screen, Tab};
use crate::support::Open;

/// Pages of a guest, and of a user, each in the state that has the most on it.
const GUEST: [&str; 9] = [
    "/",
    "/?added=all-umbrella#all-umbrella",
    "/cart",
    "/cart?added=gloves",
    "/items/umbrella?added=buy#buy",
    "/items/valet-stand",
    "/preferences?saved",
    "/login?signed_out",
    "/nowhere",
];
const USER: [&str; 6] = ["/", "/cart", "/devices?ended=1", "/password", "/preferences", "/staff"];

/// Returns what can be clicked or typed into and is smaller than 44 by 44 pixels (WCAG 2.2, 2.5.5).
const SMALL_TARGETS: &str = "
    const found = [];
    for (const element of document.querySelectorAll('a[href], button, input:not([type=hidden]), summary')) {
      // A click on the label of a choice is a click on the choice.
      const target = element.matches('[type=radio], [type=checkbox]') ? element.closest('label') : element;
      const { width, height } = target.getBoundingClientRect();
      const isShown = element.getClientRects().length > 0;
      if (isShown && (width < 43.9 || height < 43.9)) found.push(`${target.outerHTML.slice(0, 90)}: ${width} x ${height}`);
    }
    return found;";

/// Returns the texts with less than 4.5:1 of contrast (WCAG 2.2, 1.4.3), large ones included.
const LOW_CONTRAST: &str = "
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const parse = (color) => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha / 255];
    };
    const over = (top, bottom) => [0, 1, 2].map(i => top[i] * top[3] + bottom[i] * (1 - top[3]));
    const behind = (element) => {
      const layers = [];
      for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
      return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const luminance = (color) => {
      const [red, green, blue] = color.map(part => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (element) => {
      const background = behind(element);
      const text = over(parse(getComputedStyle(element).color), background);
      const [light, dark] = [luminance(text), luminance(background)].sort((one, other) => other - one);
      return (light + 0.05) / (dark + 0.05);
    };
    const elements = new Set(document.querySelectorAll('input:not([type=hidden], [type=radio], [type=checkbox])'));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) if (texts.currentNode.data.trim()) elements.add(texts.currentNode.parentElement);
    const shown = [...elements].filter(element => element.getClientRects().length > 0);
    if (shown.length < 10) return ['nothing was compared'];
    return shown.filter(element => contrast(element) < 4.5)
      .map(element => `${element.outerHTML.slice(0, 90)}: ${contrast(element).toFixed(2)}`);";

/// Returns words of the visible text that look like names of the program.
const INTERNAL_NAMES: &str = r"
    // The addresses of earlier requests are the visitor's own.
    for (const details of document.querySelectorAll('details')) details.remove();
    return document.body.innerText.match(/\w+::\w+|\w*[a-z]_[a-z]\w*|\b[a-z]+[A-Z]\w*|--[a-z-]+|\bguest-\w+/g) ?? [];";

async fn check(browser: &Browser, tab: &Tab, url: &str) {
    for screen in [Screen::DESKTOP, Screen::NARROW] {
        browser.look(tab, screen).await;
        browser.visit(tab, url).await;
        for (script, problem) in [(SMALL_TARGETS, "too small"), (LOW_CONTRAST, "hard to read")] {
            let found = browser.run(tab, script).await;
            assert_eq!(found, Value::Array(Vec::new()), "{problem} on {url}, {screen:?}");
        }
        let width = browser.run(tab, "return document.documentElement.scrollWidth").await;
        assert!(width.as_u64().is_some_and(|width| width <= screen.width), "{url} is {width} wide on {screen:?}");
    }
    // The page for staff shows the statistics of the library by their names.
    if !url.ends_with("/staff") {
        let names = browser.run(tab, INTERNAL_NAMES).await;
        assert_eq!(names, Value::Array(Vec::new()), "internal names on {url}");
    }
}

async fn sign_in(browser: &Browser, tab: &Tab, name: &str) {
    let script = format!(
        "return fetch('/login', {{ method: 'POST', body: new URLSearchParams({{ name: '{name}', password: '{name}-demo' }}) }})
           .then(reply => reply.ok)"
    );
    assert_eq!(browser.run(tab, &script).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_read_and_touched_and_fits_a_narrow_screen() {
    let open = Open::new().await;
    open.shop.measure().await;
    let browser = Browser::start().await;
    let tab = browser.open(&open.site).await;
    for path in GUEST {
        check(&browser, &tab, &format!("{}{path}", open.site)).await;
    }
    // Two devices of one user, things in the cart, and the page without the session cache.
    let _other = open.signed_in("bob").await;
    sign_in(&browser, &tab, "bob").await;
    browser.run(&tab, "return fetch('/cart/add/umbrella', { method: 'POST' }).then(reply => reply.ok)").await;
    for path in USER {
        check(&browser, &tab, &format!("{}{path}", open.site)).await;
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_screen_shows_the_gain_and_the_switch_without_scrolling() {
    let db = Db::in_memory(Duration::from_millis(20)).await.expect("the migrations run");
    let open = Open::over(db, sessions::in_memory().expect("settings"), true).await;
    open.shop.measure().await;
    let browser = Browser::start().await;
    let tab = browser.open(&open.site).await;
    for screen in [Screen::DESKTOP, Screen::PHONE] {
        browser.look(&tab, screen).await;
        browser.visit(&tab, &open.site).await;
        let below = "return ['h1', '.intro', '.switch', '.caption', '.bars', '.saved']
                       .filter(part => document.querySelector(part).getBoundingClientRect().bottom > innerHeight)";
        assert_eq!(browser.run(&tab, below).await, Value::Array(Vec::new()), "below the first screen: {screen:?}");
        let text = browser.run(&tab, "return document.querySelector('main').innerText").await;
        let text = text.as_str().expect("a text");
        for part in ["This demo shop", "library for web servers in Rust", "the database is 20\u{a0}ms away (simulated)"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    // Without script, the button is one of a form; with it, too.
    browser.run(&tab, "document.querySelector('.switch [value=without]').click()").await;
    browser.wait_for(&tab, "document.querySelector('.switch [value=without][aria-pressed=true]')").await;
    let widths =
        "return [...document.querySelectorAll('.bar rect')].map(bar => bar.getBoundingClientRect().width > 20)";
    assert_eq!(browser.run(&tab, widths).await, serde_json::json!([true]), "only the page without was measured");
    browser.run(&tab, "document.querySelector('.switch [value=with]').click()").await;
    browser.wait_for(&tab, "document.querySelector('.switch [value=with][aria-pressed=true]')").await;
    assert_eq!(browser.run(&tab, widths).await, serde_json::json!([false, true]), "a short bar and a long one");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_to_the_cart_stays_on_the_page_and_is_announced() {
    let open = Open::new().await;
    let browser = Browser::start().await;
    let tab = browser.open(&open.site).await;
    browser.run(&tab, "window.isSamePage = true; document.querySelector('#all-umbrella button').click()").await;
    browser.wait_for(&tab, "document.getElementById('said').textContent === 'Umbrella is in your cart.'").await;
    let page = browser
        .run(
            &tab,
            "return [window.isSamePage, document.querySelector('#cart .count').textContent,
                     document.getElementById('said').getAttribute('aria-live')]",
        )
        .await;
    assert_eq!(page, serde_json::json!([true, "1", "polite"]));
    // What another tab adds is counted here from now on, although the page began without a session.
    browser.run(&tab, "return fetch('/cart/add/gloves', { method: 'POST' }).then(reply => reply.ok)").await;
    browser.wait_for(&tab, "document.querySelector('#cart .count').textContent === '2'").await;
    // What cannot be added has a page of its own.
    browser.run(&tab, "const form = document.querySelector('#all-gloves form'); form.action = '/cart/add/nope'; form.requestSubmit()").await;
    browser.wait_for(&tab, "document.querySelector('.status')?.textContent === '404'").await;
    browser.quit().await;
}

/// Sends a form with bad values, without the checks of the browser, and returns what has the focus then.
async fn focus_after(browser: &Browser, tab: &Tab, form: &str, values: &[(&str, &str)]) -> Value {
    let set: String =
        values.iter().map(|(name, value)| format!("form.elements['{name}'].value = '{value}';")).collect();
    let send = format!(
        "const form = document.querySelector('form[action=\"{form}\"]'); {set} form.noValidate = true; form.submit()"
    );
    browser.run(tab, &send).await;
    browser.wait_for(tab, "document.querySelector('[aria-invalid=true]')").await;
    let focused = "const field = document.activeElement;
         const message = document.getElementById(field.getAttribute('aria-describedby'));
         return [field.name, field.getAttribute('aria-invalid'), message?.textContent, message?.getAttribute('role')]";
    browser.run(tab, focused).await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_the_focus_is_in_the_field_that_is_wrong() {
    let open = Open::new().await;
    let browser = Browser::start().await;
    let tab = browser.open(&format!("{}/login", open.site)).await;
    let wrong = [("name", "alice"), ("password", "wrong")];
    let focused = focus_after(&browser, &tab, "/login", &wrong).await;
    let text = "This name and password do not belong together.";
    assert_eq!(focused, serde_json::json!(["password", "true", text, "alert"]));

    sign_in(&browser, &tab, "alice").await;
    browser.visit(&tab, &format!("{}/password", open.site)).await;
    let wrong = [("current", "guess"), ("new", "long enough")];
    let focused = focus_after(&browser, &tab, "/password", &wrong).await;
    assert_eq!(focused, serde_json::json!(["current", "true", "This is not your present password.", "alert"]));
    browser.visit(&tab, &format!("{}/password", open.site)).await;
    let wrong = [("current", "alice-demo"), ("new", "short")];
    let focused = focus_after(&browser, &tab, "/password", &wrong).await;
    assert_eq!(focused, serde_json::json!(["new", "true", "Eight characters or more. A sentence is fine.", "alert"]));

    for item in ["umbrella", "gloves"] {
        browser
            .run(&tab, &format!("return fetch('/cart/add/{item}', {{ method: 'POST' }}).then(reply => reply.ok)"))
            .await;
    }
    browser.visit(&tab, &format!("{}/cart", open.site)).await;
    let focused = focus_after(&browser, &tab, "/cart/set/umbrella", &[("quantity", "-1")]).await;
    assert_eq!(focused, serde_json::json!(["quantity", "true", "A whole number from 0 to 9999, please.", "alert"]));
    let line = browser.run(&tab, "return document.activeElement.form.getAttribute('action')").await;
    assert_eq!(line, "/cart/set/umbrella", "of the line that is wrong");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_counts_down_and_says_that_the_session_is_over() {
    let clock = ManualClock::new();
    let settings = sessions::settings_with_short_timeouts().clock(clock.clone());
    let open = Open::with(settings.build().expect("settings"), true).await;
    let browser = Browser::start().await;
    let tab = browser.open(&open.site).await;
    browser.run(&tab, "document.querySelector('#all-umbrella button').click()").await;
    browser.wait_for(&tab, "document.querySelector('#cart .count').textContent === '1'").await;
    clock.advance(Duration::from_secs(61));
    browser.wait_for(&tab, "!document.getElementById('over').hidden").await;
    browser.visit(&tab, &open.site).await;
    browser.wait_for(&tab, "document.getElementById('notice')?.textContent.startsWith('Your session is over')").await;
    browser.quit().await;
}
