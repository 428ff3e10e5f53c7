// The page "Try it": shows what docs/try_page.py wrote. Masks are a comparison of small whole numbers, so they are exact.
"use strict";
(function () {
  const NEVER = 255;
  const pictures = window.defocusTry || {};
  const root = document.getElementById("try");
  if (!root || !Object.keys(pictures).length) return;
  const find = (selector) => root.querySelector(selector);
  const canvas = find("canvas");
  const slider = find("#try-threshold");
  const state = { name: "", view: "mask", mark: null, color: null, answer: null, width: 0, height: 0 };

  // Which pixels are in focus at a place of the slider: the page's one rule
  const inFocus = (first, place) => first !== NEVER && first <= place;
  const current = () => pictures[state.name];
  const px = (radius) => `${radius.toFixed(2)} px`;

  function pixelsOf(address) {
    const image = new Image();
    image.src = address;
    return image.decode().then(() => {
      const drawn = document.createElement("canvas");
      drawn.width = image.naturalWidth;
      drawn.height = image.naturalHeight;
      const context = drawn.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, drawn.width, drawn.height);
    });
  }

  async function open(name) {
    const wanted = pictures[name];
    const [color, answer] = await Promise.all([pixelsOf(wanted.picture), pixelsOf(wanted.answer)]);
    Object.assign(state, { name, color: color.data, answer: answer.data, mark: null });
    state.width = canvas.width = answer.width;
    state.height = canvas.height = answer.height;
    slider.max = wanted.thresholds.length - 1;
    slider.value = wanted.auto;
    find(".try-title").textContent = wanted.title;
    find(".try-scale span:last-child").textContent = `${wanted.largest} px`;
    for (const button of find(".try-choice").children) {
      button.setAttribute("aria-pressed", String(button.dataset.name === name));
    }
    draw();
  }

  function draw() {
    const { answer, color, width, height, view } = state;
    const { file, thresholds, colors, auto, reason } = current();
    const place = Number(slider.value);
    const context = canvas.getContext("2d");
    const shown = context.createImageData(width, height);
    const out = shown.data;
    let sharp = 0;
    for (let i = 0; i < answer.length; i += 4) {
      const within = inFocus(answer[i], place);
      sharp += within;
      for (let c = 0; c < 3; c++) {
        if (view === "map") out[i + c] = colors[answer[i + 1]][c];
        else if (view === "picture" || within) out[i + c] = color[i + c];
        else out[i + c] = 0.35 * color[i + c] + [0, 20, 77][c]; // as the command's previews
      }
      out[i + 3] = 255;
    }
    context.putImageData(shown, 0, 0);
    const threshold = thresholds[place];
    const share = (100 * sharp) / (width * height);
    find("output").textContent = px(threshold);
    slider.setAttribute("aria-valuetext", px(threshold));
    find(".try-auto").setAttribute("aria-pressed", String(place === auto));
    find(".try-share").textContent =
      `${share.toFixed(1)} % of the picture is in focus.` + (place === auto ? ` Why this threshold: ${reason}.` : "");
    find(".try-scale").hidden = view !== "map";
    root.dataset.inFocus = sharp;
    const command = document.getElementById("try-command");
    if (command) command.textContent = `defocus mask ${file} -o results${place === auto ? "" : ` --threshold ${threshold}`}`;
    read(context, place);
  }

  function read(context, place) {
    const { answer, mark, width } = state;
    const said = find(".try-said");
    if (!mark) {
      said.textContent = "Click the picture to read the blur radius there.";
      return;
    }
    const { thresholds, largest } = current();
    const i = 4 * (mark.y * width + mark.x);
    const radius = (answer[i + 1] / 255) * largest;
    const from = answer[i] === NEVER ? "at no threshold" : `from ${px(thresholds[answer[i]])} on`;
    said.textContent =
      `At ${mark.x}, ${mark.y}: blur radius ${radius.toFixed(1)} px, ` +
      `${Math.round((100 * answer[i + 2]) / 255)} % sure; ${inFocus(answer[i], place) ? "in focus" : "not in focus"} ` +
      `now, in focus ${from}.`;
    Object.assign(root.dataset, { x: mark.x, y: mark.y, radius: radius.toFixed(3), first: answer[i] });
    for (const [style, thick] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = thick;
      context.beginPath();
      context.arc(mark.x + 0.5, mark.y + 0.5, Math.max(6, radius), 0, 2 * Math.PI);
      context.stroke();
    }
  }

  function put(x, y) {
    const within = (value, size) => Math.min(Math.max(Math.floor(value), 0), size - 1);
    state.mark = { x: within(x, state.width), y: within(y, state.height) };
    draw();
  }

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    put(((event.clientX - box.left) * state.width) / box.width, ((event.clientY - box.top) * state.height) / box.height);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const far = event.shiftKey ? 10 : 1;
    const from = state.mark || { x: state.width >> 1, y: state.height >> 1 };
    put(from.x + far * step[0], from.y + far * step[1]);
  });
  slider.addEventListener("input", draw);
  find(".try-auto").addEventListener("click", () => {
    slider.value = current().auto;
    draw();
  });
  for (const button of find(".try-views").children) {
    button.addEventListener("click", () => {
      state.view = button.dataset.view;
      for (const other of find(".try-views").children) other.setAttribute("aria-pressed", String(other === button));
      draw();
    });
  }
  for (const name of Object.keys(pictures)) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.name = name;
    button.title = pictures[name].title;
    const small = document.createElement("img");
    small.src = pictures[name].picture;
    small.alt = pictures[name].title;
    button.append(small);
    button.addEventListener("click", () => open(name));
    find(".try-choice").append(button);
  }
  document.getElementById("try-missing").remove();
  root.hidden = false;
  window.defocusTryReady = open(Object.keys(pictures)[0]);
})();
