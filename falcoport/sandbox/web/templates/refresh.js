// Follows what comes in: asks for the page again and puts its content in place if it changed.
// Leaves a page alone while somebody selects text in it, has something open, or has tabbed away.
"use strict";
const content = document.getElementById("content");
const pause = 1000;
let version = "";

async function refresh() {
  const busy = document.hidden || String(getSelection()) || content.querySelector("details[open]");
  if (!busy) {
    try {
      const answer = await fetch(location.href, { headers: version ? { "If-None-Match": version } : {} });
      if (answer.status === 200) {
        version = answer.headers.get("ETag") || "";
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const next = fresh.getElementById("content");
        if (next.innerHTML !== content.innerHTML) content.innerHTML = next.innerHTML;
      }
      document.body.classList.remove("lost");
    } catch {
      document.body.classList.add("lost");
    }
  }
  setTimeout(refresh, pause);
}

if ("live" in content.dataset) {
  document.body.classList.add("following");
  setTimeout(refresh, pause);
}
