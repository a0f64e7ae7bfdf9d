"use strict";

// Everything arrives in words; the script puts them in place as text, never as markup.

const SILENCE_MS = 15000; // three beats that did not come
const RETRY_MS = 3000;
const PICTURE_MS = 1000;

const byId = (id) => document.getElementById(id);

function made(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function show(state) {
  for (const element of document.querySelectorAll("[data-show]")) {
    element.textContent = state.text[element.dataset.show] ?? "";
  }
  byId("stages").replaceChildren(...stages(state.stages));
  byId("results").replaceChildren(...state.results.map(row));
  byId("latencies").replaceChildren(...latencies(state.latencies));
  showPicture(state.picture);
}

let picture = null;
let pictureDueMs = 0;

function showPicture(frame) {
  if (frame === null || frame === picture || performance.now() < pictureDueMs) {
    return;
  }
  picture = frame;
  pictureDueMs = performance.now() + PICTURE_MS;
  const image = new Image();
  image.alt = "A frame of the source, with what the model saw in it";
  // Put in place when it is there, so that the page does not jump; one that is gone by now is left out.
  image.addEventListener("load", () => byId("picture").replaceChildren(image));
  image.src = `frame.jpg?${frame}`;
}

function latencies(frames) {
  const sorted = frames.flatMap((frame) => frame.latency_s ?? []).sort((one, other) => one - other);
  // A single slow frame would flatten all others: what is over four times the median is cut off.
  const highest = Math.min(sorted.at(-1) ?? 1, 4 * (sorted[sorted.length >> 1] ?? 1));
  return frames.map((frame) => {
    const bar = made("i", frame.outcome);
    if (frame.latency_s !== null) {
      bar.style.height = `${Math.min(100, Math.max(3, (100 * frame.latency_s) / highest))}%`;
    }
    return bar;
  });
}

function stages(all) {
  const longest = Math.max(...all.flatMap((stage) => [stage.predicted_s, stage.measured_s ?? 0]), 1e-9);
  return all.map((stage) => {
    const line = made("div", "stage");
    const bars = made("div", "bars");
    for (const kind of ["predicted", "measured"].filter((it) => stage[`${it}_s`])) {
      const bar = made("div", `bar ${stage.side} ${kind}`);
      bar.style.width = `${(100 * stage[`${kind}_s`]) / longest}%`;
      bars.append(bar);
    }
    const numbers = made("span", "numbers", stage.predicted && `${stage.predicted} › `);
    numbers.append(made("b", "", stage.measured));
    line.append(made("span", "name", stage.name), bars, numbers);
    return line;
  });
}

function row(result) {
  const line = made("tr", result.switched ? "switched" : "");
  const cut = made("td", "");
  cut.append(made("span", `badge ${result.outcome}`, result.outcome.replace("_", " ")), ` ${result.cut}`);
  line.append(made("td", "", result.frame), made("td", result.is_error ? "why" : "", result.result), cut, made("td", "", result.latency));
  return line;
}

function draw(svg) {
  const drawing = document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", "The model's layers; boxes on the edge, boxes in the cloud, and what is sent");
  // Shrunk to fit, but not beyond what can be read: wide graphs scroll.
  drawing.style.minWidth = `${0.72 * drawing.getAttribute("width")}px`;
  const frame = byId("drawing");
  frame.replaceChildren(drawing);
  const cut = drawing.querySelector(".size") ?? drawing.querySelector(".box");
  const distance = cut.getBoundingClientRect().top - frame.getBoundingClientRect().top;
  frame.scrollTop += distance - frame.clientHeight / 2;
  frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
}

let source;
let silence;

function tell(isLive, words) {
  const connection = byId("connection");
  if (connection.textContent === words) {
    return; // or a screen reader would say it again
  }
  connection.textContent = words;
  connection.className = `connection ${isLive ? "live" : "waiting"}`;
  document.body.classList.toggle("stale", !isLive);
}

function heard() {
  tell(true, "live");
  clearTimeout(silence);
  silence = setTimeout(again, SILENCE_MS);
}

function again() {
  source.close();
  tell(false, "no connection, trying again");
  clearTimeout(silence);
  silence = setTimeout(connect, RETRY_MS);
}

function connect() {
  source = new EventSource("events");
  source.addEventListener("state", (event) => { heard(); show(JSON.parse(event.data)); });
  source.addEventListener("drawing", (event) => { heard(); draw(JSON.parse(event.data).svg); });
  source.addEventListener("beat", heard);
  // The browser itself reconnects only to a server that answered well before: not to one that was full, or restarts.
  source.addEventListener("error", again);
}

connect();
