// The image: 16 bits come packed in a PNG (red high byte, green low byte); window and level are done here.
"use strict";
(() => {
  const stage = document.querySelector(".stage");
  if (!stage) return;
  const sheet = stage.querySelector(".sheet"), canvas = stage.querySelector("canvas"), heat = stage.querySelector(".heat");
  const message = stage.querySelector(".message"), context = canvas.getContext("2d");
  const tool = (name) => document.querySelector(`[data-tool="${name}"]`);
  const FULL = 65535, start = { centre: FULL / 2, width: FULL };
  let levels = null, window_ = { ...start }, inverted = false, view = { scale: 1, x: 0, y: 0 }, waiting = false, shown = null;

  function draw() {
    waiting = false;
    if (!levels) return;
    const table = new Uint8ClampedArray(FULL + 1), low = window_.centre - window_.width / 2;
    for (let value = 0; value <= FULL; value++) {
      const grey = 255 * (value - low) / window_.width;
      table[value] = inverted ? 255 - Math.max(0, Math.min(255, grey)) : grey;
    }
    const picture = context.createImageData(canvas.width, canvas.height), pixels = new Uint32Array(picture.data.buffer);
    for (let at = 0; at < levels.length; at++) { const grey = table[levels[at]]; pixels[at] = 0xff000000 | grey << 16 | grey << 8 | grey; }
    context.putImageData(picture, 0, 0);
    tool("values").textContent = `W ${Math.round(100 * window_.width / FULL)} % · L ${Math.round(100 * window_.centre / FULL)} %`;
    stage.dataset.drawn = String(Number(stage.dataset.drawn || 0) + 1);
  }
  function redraw() { if (!waiting) { waiting = true; requestAnimationFrame(draw); } }
  function place() { sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`; }
  function fit() {
    const scale = Math.min(stage.clientWidth / canvas.width, stage.clientHeight / canvas.height);
    view = { scale, x: (stage.clientWidth - canvas.width * scale) / 2, y: (stage.clientHeight - canvas.height * scale) / 2 };
    place();
  }
  function zoom(by, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const scale = Math.min(20, Math.max(0.05, view.scale * by)), share = scale / view.scale;
    view = { scale, x: x - (x - view.x) * share, y: y - (y - view.y) * share };
    place();
  }
  async function load(address) {
    shown = address;
    message.hidden = false;
    message.textContent = "Loading the image …";
    const picture = new Image();
    picture.src = address;
    try { await picture.decode(); } catch { levels = null; canvas.width = canvas.height = 0; message.textContent = "This image cannot be shown."; return; }
    if (shown !== address) return;
    canvas.width = picture.naturalWidth; canvas.height = picture.naturalHeight;
    sheet.style.width = `${canvas.width}px`; sheet.style.height = `${canvas.height}px`;
    const reader = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    reader.drawImage(picture, 0, 0);
    const packed = reader.getImageData(0, 0, canvas.width, canvas.height).data;
    levels = new Uint16Array(canvas.width * canvas.height);
    for (let at = 0; at < levels.length; at++) levels[at] = packed[4 * at] << 8 | packed[4 * at + 1];
    message.hidden = true;
    window_ = { ...start }; fit(); redraw(); showHeat();
  }
  function showHeat() {
    const button = tool("heat");
    if (!button) return;
    const wanted = button.getAttribute("aria-pressed") === "true" && shown === stage.dataset.heatOf;
    if (wanted && !heat.src) heat.src = stage.dataset.heat;
    heat.hidden = !wanted;
    heat.style.opacity = tool("opacity").value / 100;
  }
  const toggle = (button) => { const on = button.getAttribute("aria-pressed") !== "true"; button.setAttribute("aria-pressed", String(on)); return on; };
  tool("invert").addEventListener("click", (event) => { inverted = toggle(event.currentTarget); redraw(); });
  tool("heat")?.addEventListener("click", (event) => { toggle(event.currentTarget); showHeat(); });
  tool("opacity")?.addEventListener("input", () => { tool("heat").setAttribute("aria-pressed", "true"); showHeat(); });
  tool("reset").addEventListener("click", () => { window_ = { ...start }; inverted = false; tool("invert").setAttribute("aria-pressed", "false"); fit(); redraw(); });
  document.querySelectorAll("[data-show]").forEach((button) => button.addEventListener("click", () => {
    document.querySelectorAll("[data-show]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
    load(button.dataset.show);
  }));

  const fingers = new Map();
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); fingers.set(event.pointerId, { x: event.clientX, y: event.clientY }); });
  for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const dx = event.clientX - before.x, dy = event.clientY - before.y;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const box = stage.getBoundingClientRect(), length = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      view.x += dx / 2; view.y += dy / 2;
      zoom(length({ x: event.clientX, y: event.clientY }) / length(before), (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
    } else if (event.shiftKey || event.buttons & 6) { view.x += dx; view.y += dy; place(); }
    else { window_.width = Math.max(FULL / 200, window_.width + dx * FULL / 500); window_.centre += dy * FULL / 500; redraw(); }
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  stage.addEventListener("wheel", (event) => { event.preventDefault(); const box = stage.getBoundingClientRect(); zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX - box.left, event.clientY - box.top); }, { passive: false });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input:not([type=range]), textarea, select") || event.ctrlKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") zoom(1.25);
    if (event.key === "-") zoom(0.8);
  });
  addEventListener("resize", () => levels && fit());
  load(stage.dataset.image);
})();
