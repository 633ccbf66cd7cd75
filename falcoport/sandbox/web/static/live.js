// Keeps a page up to date: asks for it again, and replaces the parts that changed.
// What a person is doing stays: focus, open details, a selection, what is typed into the filters.
// Without this script the pages work as they are.
"use strict";

const PAUSE = 1000, PAUSE_WHEN_LOST = 3000, QUIET = 5000;
const content = document.getElementById("content");
const lost = document.getElementById("lost");
const news = document.getElementById("news");
const button = document.getElementById("live");

let version = "";
let following = "live" in content.dataset;
let lastAnswer = new Date();
let lastNews = 0;

// --- the parts of the page ----------------------------------------------------------------

// What the server sent of each part: the page itself changes as times grow older.
const sent = new Map();

function partsOf(root) {
  return [...root.querySelectorAll("[data-part]")];
}

function remember(root) {
  sent.clear();
  for (const part of partsOf(root)) sent.set(part.id, part.outerHTML);
}

function sameParts(fresh) {
  const names = partsOf(fresh).map(part => part.id).join(" ");
  return names === partsOf(content).map(part => part.id).join(" ");
}

function isBusy(part) {
  const selection = getSelection();
  if (String(selection) && part.contains(selection.anchorNode)) return true;
  const active = document.activeElement;
  return part.contains(active) && active.matches("input, select, textarea");
}

function findAgain(root, old) {
  if (old.id) return root.querySelector(`#${CSS.escape(old.id)}`);
  const same = [...root.querySelectorAll(old.tagName)];
  const href = old.getAttribute("href");
  if (href !== null) return same.find(one => one.getAttribute("href") === href);
  return same.find(one => one.textContent === old.textContent);
}

function replace(part, fresh) {
  const open = [...part.querySelectorAll("details[open][id]")].map(one => one.id);
  const scrolled = [...part.querySelectorAll(".scroll")].map(one => one.scrollLeft);
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const next = document.importNode(fresh, true);
  for (const id of open) {
    const details = next.querySelector(`#${CSS.escape(id)}`);
    if (details) details.open = true;
  }
  part.replaceWith(next);
  [...next.querySelectorAll(".scroll")].forEach((one, at) => { one.scrollLeft = scrolled[at] || 0; });
  if (active) {
    const again = findAgain(next, active) || next.querySelector("a[href], button") || content;
    again.focus({ preventScroll: true });
  }
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("content");
  if (!fresh) return;
  ahead = Date.parse(fresh.dataset.now) - Date.now();
  const before = counts(content);
  if (sameParts(fresh)) {
    const parts = partsOf(content);
    partsOf(fresh).forEach((part, at) => {
      if (sent.get(part.id) === part.outerHTML || isBusy(parts[at])) return;
      sent.set(part.id, part.outerHTML);
      replace(parts[at], part);
    });
  } else if (!isBusy(content)) {
    remember(fresh);
    content.replaceChildren(...document.importNode(fresh, true).childNodes);
  }
  announce(before, counts(content));
  age();
  prepare(content);
}

// --- what is said -------------------------------------------------------------------------

function counts(root) {
  const headline = root.querySelector("[data-count]");
  return headline && { count: Number(headline.dataset.count), newest: headline.dataset.newest };
}

function announce(before, after) {
  if (!after) return;
  const more = after.count - (before ? before.count : 0);
  if (more <= 0 || Date.now() - lastNews < QUIET) return;
  lastNews = Date.now();
  const newest = after.newest ? `, the newest: ${after.newest}` : "";
  news.textContent = `${more} new ${more === 1 ? "alert" : "alerts"}${newest}`;
}

function showLost(isLost) {
  if (isLost === !lost.hidden) return;
  const clock = lastAnswer.toISOString().slice(0, 19).replace("T", " ");
  lost.textContent = isLost
    ? `The sandbox at ${location.host} does not answer. The page shows what was there at ${clock} UTC, `
      + "and follows again once the sandbox runs: falcoport sandbox"
    : "";
  lost.hidden = !isLost;
  showState();
}

function showState() {
  button.classList.toggle("is-lost", !lost.hidden);
  button.setAttribute("aria-pressed", String(following));
  const word = !following ? "Paused" : lost.hidden ? "Live" : "Lost";
  button.querySelector(".word").textContent = word;
  button.setAttribute("aria-label", following ? `${word}: pause` : `${word}: follow again`);
}

// --- times --------------------------------------------------------------------------------

const STEPS = [
  [60, 1, "second"], [3600, 60, "minute"], [172800, 3600, "hour"], [1209600, 86400, "day"],
  [5443200, 604800, "week"], [31536000, 2592000, "month"], [Infinity, 31536000, "year"],
];

function ago(moment, now) {
  const distance = Math.abs(now - moment) / 1000;
  if (distance < 5) return "just now";
  const [, unit, name] = STEPS.find(([below]) => distance < below);
  const number = Math.floor(distance / unit);
  const words = `${number} ${name}${number === 1 ? "" : "s"}`;
  return moment <= now ? `${words} ago` : `in ${words}`;
}

// The sandbox's clock counts, which may be another one than the browser's.
let ahead = Date.parse(content.dataset.now) - Date.now();

function age() {
  const now = Date.now() + ahead;
  for (const time of content.querySelectorAll("time[datetime]")) {
    const words = time.querySelector(".ago");
    const text = words && ago(Date.parse(time.dateTime), now);
    if (words && words.textContent !== text) words.textContent = text;
  }
}

// --- copying ------------------------------------------------------------------------------

function prepare(root) {
  if (!navigator.clipboard) return;
  for (const copy of root.querySelectorAll("button.copy[hidden]")) copy.hidden = false;
}

document.addEventListener("click", async event => {
  const copy = event.target.closest("button.copy");
  if (!copy) return;
  const command = document.getElementById(copy.dataset.copy);
  try {
    await navigator.clipboard.writeText(command.textContent);
    copy.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(command);
    copy.textContent = "Selected";
  }
  news.textContent = `${copy.textContent}: ${command.textContent}`;
});

// An empty field says nothing, so it need not stand in the address.
document.addEventListener("submit", event => {
  if (event.target.method !== "get") return;
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
});
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form [name]:disabled")) field.disabled = false;
});

// --- following ----------------------------------------------------------------------------

async function refresh() {
  if (!following || document.hidden) return PAUSE;
  let answer;
  try {
    const headers = { Accept: "text/html", ...(version && { "If-None-Match": version }) };
    answer = await fetch(location.href, { headers, cache: "no-store" });
    if (answer.status === 200) {
      const text = await answer.text();
      version = answer.headers.get("ETag") || "";
      show(text);
    }
  } catch {
    showLost(true);
    return PAUSE_WHEN_LOST;
  }
  lastAnswer = new Date();
  showLost(false);
  return PAUSE;
}

async function follow() {
  const pause = await refresh();
  setTimeout(follow, pause);
}

remember(content);
prepare(content);
age();
setInterval(age, PAUSE);
if (following) {
  button.hidden = false;
  button.addEventListener("click", () => { following = !following; showState(); });
  showState();
  setTimeout(follow, PAUSE);
}
