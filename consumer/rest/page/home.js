"use strict";
// The page asks only its own server, writes text and never markup, and goes on with what it knows when an answer fails.

const WINDOW_MS = 120000, PARTITIONS_MS = 2000, HEALTH_MS = 3000, JOBS_MS = 1000, TOTAL_MS = 2000, AGAIN_MS = 15000;
const ENTRIES_SHOWN = 12, OFFSETS_BACK = 60;
const $ = (id) => document.getElementById(id);
const grouped = (number) => number === null ? "not known" : Number(number).toLocaleString("en");
const say = (id, text) => { const at = $(id); if (at.textContent !== text) at.textContent = text; };

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function link(text, href) {
  const made = element("a", text);
  made.href = href;
  return made;
}

function row(cells) {
  return element("tr", null, ...cells.map((cell) => {
    const td = cell instanceof Node ? element("td", null, cell) : element("td", cell === null ? "" : String(cell));
    if (cell instanceof Node) td.className = "words";
    return td;
  }));
}

async function ask(path, options) {
  const answer = await fetch(path, { cache: "no-store", redirect: "manual", ...options });
  // The page may ask its own server only; the browser itself may be led on to another replica.
  if (answer.type === "opaqueredirect") throw new Error(`Another replica has its partition: open ${path} to be led there`);
  if (answer.status === 204) return null;
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || body.title || `the answer is ${answer.status}`);
  return body;
}

// -- the total: events, and asking when there are none ---------------------------------------------------------------

let last = null, rates = [], lags = [], asking = null, source = null;

function show(total) {
  const at = Date.parse(total.as_of);
  say("total", total.total);
  for (const name of ["count", "duplicates", "conflicts", "poison"]) say(name, grouped(total[name]));
  say("whole", total.complete ? "Complete: the sum over all partitions." : "Not complete: a partition is not known, see below.");
  say("as-of", total.as_of);
  $("empty").hidden = total.count + total.duplicates + total.conflicts + total.poison > 0;
  last = { at, count: total.count };
}

function draw(id, points) {
  const newest = Date.now(), top = Math.max(1, ...points.map((point) => point.value));
  const place = (point) => `${(240 * (1 - (newest - point.at) / WINDOW_MS)).toFixed(1)},${(57 - 54 * point.value / top).toFixed(1)}`;
  $(id).setAttribute("points", points.map(place).join(" "));
}

function note(points, value) {
  const now = Date.now();
  points.push({ at: now, value });
  while (points.length && now - points[0].at > WINDOW_MS) points.shift();
}

let before = null;
setInterval(() => {
  if (last === null) return;
  const now = Date.now();
  if (before !== null) {
    const value = Math.max(0, (last.count - before.count) * 1000 / (now - before.now));
    note(rates, value);
    draw("rate", rates);
    say("rate-text", `${value.toFixed(value < 10 ? 1 : 0)} now, at most ${grouped(Math.round(Math.max(...rates.map((each) => each.value))))}`);
  }
  before = { now, count: last.count };
}, 1000);

function follow() {
  source = new EventSource("/v1/events");
  source.addEventListener("open", () => { stopAsking(); say("link", "Live."); });
  source.addEventListener("total", (event) => show(JSON.parse(event.data)));
  source.addEventListener("end", () => lost());
  source.addEventListener("error", () => lost());
}

function lost() {
  if (source === null) return;
  source.close();
  source = null;
  if (asking === null) { asking = setInterval(poll, TOTAL_MS); poll(); }
  setTimeout(follow, AGAIN_MS);
}

function stopAsking() {
  clearInterval(asking);
  asking = null;
}

async function poll() {
  try {
    show(await ask("/v1/total"));
    if (asking !== null) say("link", "Asked every two seconds: the live connection is not there, it is tried again.");
  } catch {
    say("link", "The consumer does not answer. What is shown is the last that is known; ./justw status tells what runs, and ./justw up starts it.");
  }
}

// -- partitions, health, entries -------------------------------------------------------------------------------------

function partitionRow(each) {
  const about = element("span", [each.reason, each.cure].filter(Boolean).join(". What to do: "));
  if (each.state === "ELSEWHERE" && each.owner_url) about.append(link("another replica has it", each.owner_url));
  const made = row([each.partition, each.state, grouped(each.count), each.total === null ? "not known" : each.total,
    grouped(each.next_offset), grouped(each.lag), about]);
  if (each.state === "REFUSED") made.className = "bad-text";
  return made;
}

let moved = "";
async function partitions() {
  const all = await ask("/v1/partitions");
  $("partition-rows").replaceChildren(...all.map(partitionRow));
  const known = all.filter((each) => each.lag !== null);
  if (known.length) {
    const lag = known.reduce((sum, each) => sum + each.lag, 0);
    note(lags, lag);
    draw("lag", lags);
    say("lag-text", `${grouped(lag)} now` + (known.length < all.length ? `, of ${known.length} of ${all.length} partitions` : ""));
  }
  const here = all.filter((each) => each.files.length && each.next_offset);
  const state = here.map((each) => `${each.partition}:${each.next_offset}`).join(" ");
  if (state !== moved) await entries(here);
  moved = state;
}

async function entries(here) {
  const pages = await Promise.allSettled(here.map((each) => {
    const after = each.next_offset - OFFSETS_BACK;
    return ask(`/v1/entries?partition=${each.partition}&limit=${OFFSETS_BACK}` + (after >= 0 ? `&after=${after}` : ""));
  }));
  const found = pages.flatMap((page) => page.status === "fulfilled" ? page.value.entries : []);
  found.sort((x, y) => y.timestamp.localeCompare(x.timestamp) || y.offset - x.offset);
  $("entry-rows").replaceChildren(...found.slice(0, ENTRIES_SHOWN).map((entry) => row([
    entry.timestamp, `${entry.partition}:${entry.offset}`, entry.reason ? `${entry.kind} ${entry.reason}` : entry.kind,
    entry.sum, entry.a, entry.b, entry.request_id])));
  $("no-entries").hidden = found.length > 0;
}

async function health() {
  const answer = await fetch("/health/ready", { cache: "no-store" });
  const reasons = answer.ok ? [] : (await answer.json()).reasons || [];
  $("trouble").hidden = answer.ok;
  $("reasons").replaceChildren(...reasons.map((each) =>
    element("li", `${each.part}: ${each.reason}` + (each.cure ? `. What to do: ${each.cure}` : ""))));
}

// -- looking up ------------------------------------------------------------------------------------------------------

$("find-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const found = await ask(`/v1/requests/${encodeURIComponent($("request-id").value.trim())}`);
    const also = found.conflicts.length ? ` It came again with other numbers at offset ${found.conflicts.join(", ")}; they are not counted.` : "";
    say("found", `${found.a} + ${found.b} = ${found.sum}, counted at partition ${found.partition}, offset ${found.offset}, ${found.timestamp}.${also}`);
  } catch (error) {
    say("found", `${error.message}.`);
  }
});

// -- exports and audits ----------------------------------------------------------------------------------------------

const jobs = {
  exports: { said: "export-said", words: (job) => `${job.format}, ${grouped(job.rows)} rows, total ${job.total}` },
  audits: { said: "audit-said", words: (job) => job.ok === null ? `${grouped(job.rows)} rows read` :
    job.ok ? `all good: ${grouped(job.counted)} counted, total ${job.total}` : `${grouped(job.problems)} problems: the report names them` },
};

function jobItem(kind, job) {
  const item = element("li", null, element("span", job.id), element("span", job.state === "FAILED" ? `failed: ${job.error}` : jobs[kind].words(job)));
  if (job.state === "DONE") {
    item.append(link(kind === "exports" ? "file" : "report", `/v1/${kind}/${job.id}/file`), element("small", `sha256 ${job.sha256}`));
  } else if (job.state !== "FAILED") {
    const bar = element("progress");
    bar.value = job.progress;
    bar.setAttribute("aria-label", `${kind.slice(0, -1)} ${job.id}`);
    item.append(bar);
  }
  if (job.ok === false || job.state === "FAILED") item.className = "bad-text";
  const button = element("button", "Delete");
  button.setAttribute("aria-label", `Delete ${kind.slice(0, -1)} ${job.id}`);
  button.addEventListener("click", () => act(kind, `/v1/${kind}/${job.id}`, { method: "DELETE" }, "Deleted."));
  item.append(button);
  return item;
}

const shown = {};
async function list(kind) {
  const all = await ask(`/v1/${kind}`), state = JSON.stringify(all);
  if (state !== shown[kind]) $(kind).replaceChildren(...all.map((job) => jobItem(kind, job)));
  shown[kind] = state;
}

async function act(kind, path, options, done) {
  try {
    await ask(path, options);
    say(jobs[kind].said, done);
  } catch (error) {
    say(jobs[kind].said, `${error.message}.`);
  }
  list(kind).catch(() => {});
}

function begin(kind, order) {
  const named = $(`${kind.slice(0, -1)}-partitions`).value.match(/[0-9]+/g);
  if (named) order.partitions = named.map(Number);
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(order) };
  act(kind, `/v1/${kind}`, options, "Begun.");
}

$("export-form").addEventListener("submit", (event) => { event.preventDefault(); begin("exports", { format: $("format").value }); });
$("audit-form").addEventListener("submit", (event) => { event.preventDefault(); begin("audits", {}); });

// -- go --------------------------------------------------------------------------------------------------------------

function every(period_ms, action) {
  const step = () => { (document.hidden ? Promise.resolve() : action()).catch(() => {}).finally(() => setTimeout(step, period_ms)); };
  step();
}

for (const id of ["charts", "find", "entries", "export-form", "audit-form"]) $(id).hidden = false;
follow();
every(PARTITIONS_MS, partitions);
every(HEALTH_MS, health);
every(JOBS_MS, () => list("exports"));
every(JOBS_MS, () => list("audits"));
