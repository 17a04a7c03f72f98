"use strict";
// Adds events to the table as they happen. Without this script, the page loads itself again.
{
  const table = document.getElementById("events");
  const status = document.getElementById("live");
  const pause = document.getElementById("pause");
  const none = document.getElementById("none");
  const rows = table.tBodies[0];
  const most = 200;
  let after = table.dataset.after;
  let stream = null;

  const add = (event) => {
    after = event.lastEventId;
    // The server has escaped what the application and its visitors wrote, as in the page itself.
    const batch = document.createElement("template");
    batch.innerHTML = event.data;
    rows.prepend(batch.content);
    while (rows.rows.length > most) rows.rows[rows.rows.length - 1].remove();
    none.hidden = rows.rows.length > 0;
  };

  const open = () => {
    stream = new EventSource(`${table.dataset.stream}?after=${encodeURIComponent(after)}`);
    stream.addEventListener("open", () => { status.textContent = "Live: new events appear at the top."; });
    stream.addEventListener("error", () => {
      status.textContent = stream.readyState === EventSource.CLOSED
        ? "Not live any more. Load the page again."
        : "Not connected. Trying again.";
    });
    stream.addEventListener("more", add);
    stream.addEventListener("all", (event) => {
      rows.replaceChildren();
      add(event);
    });
    pause.textContent = "Pause";
  };

  pause.addEventListener("click", () => {
    if (stream === null) return open();
    stream.close();
    stream = null;
    pause.textContent = "Continue";
    status.textContent = "Paused.";
  });
  // A page that the browser keeps for "back" must not keep its stream.
  addEventListener("pagehide", () => { if (stream !== null) stream.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted && stream !== null) open(); });

  pause.hidden = false;
  open();
}
