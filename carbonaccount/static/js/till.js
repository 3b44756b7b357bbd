/* The till: scans with the camera, sends the page's own forms, and when the network fails sends
   the same press again with the same key, so that nothing happens twice. Without this file the
   forms of the page do the same work with typed digits. */
"use strict";

const till = document.getElementById("till");
const video = document.getElementById("till-video");
const answer = document.getElementById("till-answer");
const scanPart = document.getElementById("till-scan");
const lookForm = document.getElementById("till-look");
const canvas = document.createElement("canvas");

const SCAN_EVERY_MS = 150;
const ANSWER_WITHIN_MS = 12000;
const SLOW_AFTER_MS = 3000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 8000;
const ALIVE_EVERY_MS = 4 * 60 * 1000;
const WIDEST_PHOTO_PX = 1600;

let stream = null;
let detector = null;
let usesCamera = false;
let busy = false;

/* --- saying things ------------------------------------------------------------------------- */

function say(id, text) {
  const line = document.getElementById(id);
  line.textContent = text;
  line.hidden = !text;
}

function sayNetwork(text) {
  say("till-network", text);
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    window.addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/* --- sending ------------------------------------------------------------------------------- */

class SignedOut extends Error {}

/* One try. Fails when nothing sensible came back, which says nothing of what the server did. */
async function ask(url, body) {
  const stopper = new AbortController();
  const timer = setTimeout(() => stopper.abort(), ANSWER_WITHIN_MS);
  const slow = setTimeout(() => sayNetwork(till.dataset.saySlow), SLOW_AFTER_MS);
  try {
    const response = await fetch(url, {
      method: "POST", body, headers: { "X-Till": "1" }, signal: stopper.signal,
    });
    if (response.redirected && response.url.includes("/sign-in")) {
      throw new SignedOut();
    }
    if (response.redirected) {
      location.assign(response.url);
      return "";
    }
    const text = await response.text();
    if (!text.includes("data-step=")) {
      // Refused before the till was asked: the sign-in changed while the page was open.
      throw response.status < 500 ? new SignedOut() : new Error(`status ${response.status}`);
    }
    return text;
  } finally {
    clearTimeout(timer);
    clearTimeout(slow);
  }
}

/* The same press until it is answered. */
async function askUntilAnswered(url, body) {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      return await ask(url, body);
    } catch (error) {
      if (error instanceof SignedOut) {
        throw error;
      }
      sayNetwork(navigator.onLine ? till.dataset.sayRetry : till.dataset.sayOffline);
      await pause(wait);
    }
  }
}

async function send(form) {
  if (busy) {
    return;
  }
  busy = true;
  const body = new URLSearchParams(new FormData(form));
  for (const button of till.querySelectorAll("button")) {
    button.disabled = true;
  }
  sayNetwork(form.dataset.till === "use" ? till.dataset.sayUsing : till.dataset.sayLooking);
  try {
    show(await askUntilAnswered(form.action, body));
    sayNetwork("");
  } catch {
    sayNetwork(till.dataset.saySignedOut);
    document.getElementById("till-again").hidden = false;
  } finally {
    busy = false;
    for (const button of till.querySelectorAll("button")) {
      button.disabled = false;
    }
  }
}

function show(html) {
  if (!html) {
    return;
  }
  answer.innerHTML = html;
  const step = answer.querySelector("[data-step]").dataset.step;
  scanPart.hidden = step === "found" || step === "done";
  lookForm.elements.code.value = "";
  answer.focus();
  answer.scrollIntoView({ block: "nearest" });
}

function look(text) {
  lookForm.elements.code.value = text;
  lookForm.elements.request_key.value = newKey();
  return send(lookForm);
}

till.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.till) {
    return;
  }
  event.preventDefault();
  if (form === lookForm) {
    stopCamera();
    look(lookForm.elements.code.value);
  } else {
    send(form);
  }
});

/* The next coupon without another page. */
answer.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || new URL(link.href).pathname !== location.pathname) {
    return;
  }
  event.preventDefault();
  answer.replaceChildren();
  scanPart.hidden = false;
  sayNetwork("");
  if (usesCamera) {
    startCamera();
  }
});

/* --- reading codes ------------------------------------------------------------------------- */

function loadReader() {
  return new Promise((resolve, reject) => {
    if (window.jsQR) {
      resolve();
      return;
    }
    const script = document.createElement("script");
    script.src = till.dataset.jsqr;
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error("no reader")));
    document.head.append(script);
  });
}

async function prepareReader() {
  try {
    const formats = await window.BarcodeDetector?.getSupportedFormats();
    if (formats?.includes("qr_code")) {
      detector = new window.BarcodeDetector({ formats: ["qr_code"] });
      return;
    }
  } catch {
    // Some phones name the interface without having it; our own reader takes over.
  }
  detector = null;
  await loadReader();
}

/* The text of a QR code in a picture, or "". */
async function read(picture, width, height) {
  const scale = Math.min(1, WIDEST_PHOTO_PX / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  if (detector) {
    try {
      const found = await detector.detect(canvas);
      return found.length ? found[0].rawValue : "";
    } catch {
      detector = null;
      await loadReader();
    }
  }
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  return window.jsQR(pixels.data, pixels.width, pixels.height)?.data ?? "";
}

/* --- the camera ---------------------------------------------------------------------------- */

function showCamera(on) {
  document.getElementById("till-frame").hidden = !on;
  document.getElementById("till-start").hidden = on;
  document.getElementById("till-stop").hidden = !on;
}

async function startCamera() {
  say("till-problem", "");
  try {
    await prepareReader();
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 } },
    });
    video.srcObject = stream;
    showCamera(true);
    await video.play();
    usesCamera = true;
    scan(stream);
  } catch {
    stopCamera();
    say("till-problem", till.dataset.sayNoCamera);
  }
}

function stopCamera() {
  for (const track of stream?.getTracks() ?? []) {
    track.stop();
  }
  stream = null;
  video.srcObject = null;
  showCamera(false);
}

async function scan(ours) {
  while (stream === ours) {
    if (video.videoWidth) {
      const text = await read(video, video.videoWidth, video.videoHeight);
      if (text && stream === ours) {
        stopCamera();
        navigator.vibrate?.(80);
        look(text);
        return;
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, SCAN_EVERY_MS); });
  }
}

document.getElementById("till-start").addEventListener("click", startCamera);
document.getElementById("till-stop").addEventListener("click", () => {
  usesCamera = false;
  stopCamera();
});

document.getElementById("till-photo").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) {
    return;
  }
  stopCamera();
  say("till-problem", "");
  let text = "";
  try {
    await prepareReader();
    const picture = await createImageBitmap(file);
    text = await read(picture, picture.width, picture.height);
  } catch {
    text = "";
  }
  if (text) {
    look(text);
  } else {
    say("till-problem", till.dataset.sayNoCode);
  }
});

/* --- staying signed in while the page is open ----------------------------------------------- */

async function stayAlive() {
  try {
    const response = await fetch(till.dataset.alive, { cache: "no-store" });
    if (response.redirected) {
      sayNetwork(till.dataset.saySignedOut);
      document.getElementById("till-again").hidden = false;
    }
  } catch {
    // No network: the next press says so.
  }
}

setInterval(() => {
  if (!document.hidden) {
    stayAlive();
  }
}, ALIVE_EVERY_MS);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stopCamera();
  } else {
    stayAlive();
  }
});
window.addEventListener("offline", () => sayNetwork(till.dataset.sayOffline));
window.addEventListener("online", () => {
  if (!busy) {
    sayNetwork("");
  }
});
