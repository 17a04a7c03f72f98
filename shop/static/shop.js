// The shop works without this file. It follows the session while a page is open (the number in the
// cart, the list of devices, the end of the session), adds to the cart without leaving the page, and
// shows times in the visitor's own time zone.
const follow = () => {
  const live = new EventSource("/live");
  live.addEventListener("cart", ({ data }) => showCount(data));
  live.addEventListener("devices", async ({ data }) => {
    const list = document.querySelector("ul.devices");
    if (!list || list.children.length === Number(data)) return;
    const page = await fetch("/devices", { headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("ul.devices");
    if (!fresh) return;
    showLocalTimes(fresh);
    list.replaceWith(fresh);
  });
  live.addEventListener("over", () => {
    live.close();
    document.getElementById("over").hidden = false;
  });
  // A stream that stays open would keep the page out of the back-forward cache.
  addEventListener("pagehide", () => live.close());
};

const showCount = (count) => {
  const link = document.getElementById("cart");
  const badge = link.querySelector(".count");
  badge.textContent = count;
  badge.hidden = String(count) === "0";
  link.setAttribute("aria-label", link.getAttribute("aria-label").replace(/\d+$/, count));
};

// Assistive technology reads what appears in this element.
const say = (text) => {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 6000);
};

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.add");
  if (!form) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  const reply = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" } }).catch(() => null);
  // The page of the problem says more than a line could.
  if (!reply?.ok) return form.submit();
  showCount((await reply.json()).in_cart);
  say(form.dataset.added);
  if (!("watch" in document.body.dataset)) {
    document.body.dataset.watch = "";
    follow();
  }
});

const showLocalTimes = (root) => {
  const shown = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  for (const time of root.querySelectorAll("time")) time.textContent = shown.format(new Date(time.dateTime));
};

const countDown = (shown) => {
  const end = Date.now() + shown.dataset.endsIn * 1000;
  const timer = setInterval(() => {
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    // Longer times stay as the page has them, in minutes or hours.
    if (left <= 120) shown.textContent = `${left}\u00a0s`;
    if (left === 0) clearInterval(timer);
  }, 1000);
};

if ("watch" in document.body.dataset) follow();
showLocalTimes(document);
document.querySelectorAll("[data-ends-in]").forEach(countDown);
