// The shop works without this file. It follows the session while a page is open: the number in the
// cart, the list of devices, and the end of the session (signed out elsewhere, idle for too long).
if (document.body.hasAttribute("data-watch")) {
  const live = new EventSource("/live");
  live.addEventListener("cart", ({ data }) => {
    const link = document.getElementById("cart");
    const count = link.querySelector(".count");
    count.textContent = data;
    count.hidden = data === "0";
    link.setAttribute("aria-label", link.getAttribute("aria-label").replace(/\d+$/, data));
  });
  live.addEventListener("devices", async ({ data }) => {
    const list = document.querySelector("ul.devices");
    if (!list || list.children.length === Number(data)) return;
    const page = await fetch("/devices", { headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("ul.devices");
    if (fresh) list.replaceWith(fresh);
  });
  live.addEventListener("over", () => {
    live.close();
    document.getElementById("over").hidden = !document.body.hasAttribute("data-signed-in");
  });
  // A stream that stays open would keep the page out of the back-forward cache.
  addEventListener("pagehide", () => live.close());
}
