// The shop works without this file. It does one thing: when the session ends while a page is
// open (signed out elsewhere, idle for too long), the page says so.
if (document.body.hasAttribute("data-watch")) {
  const live = new EventSource("/live");
  live.addEventListener("over", () => {
    live.close();
    document.getElementById("over").hidden = false;
  });
  // A stream that stays open would keep the page out of the back-forward cache.
  addEventListener("pagehide", () => live.close());
}
