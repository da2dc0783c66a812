// What every widget stands on: numbers, a seeded generator, the page's address, small DOM helpers.
const Play = { widgets: [] };

// -- numbers ----------------------------------------------------------------------------------

/** log(1 + exp(x)), for any x. */
Play.softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

Play.sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** log of the sum of exponentials of an array. */
Play.logSumExp = (values) => {
  let top = -Infinity;
  for (const x of values) if (x > top) top = x;
  if (!Number.isFinite(top)) return top;
  let sum = 0;
  for (const x of values) sum += Math.exp(x - top);
  return top + Math.log(sum);
};

/** exp(x - log of the sum of exponentials): probabilities. */
Play.softmax = (values) => {
  const z = Play.logSumExp(values);
  return Float64Array.from(values, (x) => Math.exp(x - z));
};

Play.sum = (values) => {
  let sum = 0;
  for (const x of values) sum += x;
  return sum;
};

Play.mean = (values) => Play.sum(values) / values.length;

/** Standard deviation of a sample. */
Play.deviation = (values) => {
  const mean = Play.mean(values);
  return Math.sqrt(Play.sum(Array.from(values, (x) => (x - mean) ** 2)) / (values.length - 1));
};

/** log of the mean of exp(values) and the error of that, by the delta method. */
Play.logMeanExp = (values) => {
  const n = values.length;
  const value = Play.logSumExp(values) - Math.log(n);
  const ratios = Array.from(values, (x) => Math.exp(x - value));
  const effective = n / Play.mean(ratios.map((r) => r * r));
  return { value, error: Play.deviation(ratios) / Math.sqrt(n), effective };
};

/**
 * Uniform numbers in [0, 1) from a seed: sfc32 (Doty-Humphrey 2010), seeded by splitmix32, so that
 * the same seed shows the same chain on every machine.
 */
Play.generator = (seed) => {
  let s = seed >>> 0;
  const mix = () => {
    s = (s + 0x9e3779b9) | 0;
    let z = s ^ (s >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, d] = [mix(), mix(), mix(), 1];
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return () => (next() * 2097152 + (next() >>> 11)) / 9007199254740992;
};

/** An index drawn with these probabilities, which sum to one. */
Play.draw = (probabilities, random) => {
  let left = random();
  for (let i = 0; i < probabilities.length; i++) {
    left -= probabilities[i];
    if (left < 0) return i;
  }
  return probabilities.length - 1;
};

/** Bytes of a base64 text. */
Play.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Numbers as they were stored: bytes -127..127 times a scale, or floats of four bytes. */
Play.numbers = (stored) => {
  const { buffer } = Play.bytes(stored.bytes);
  if (!stored.scale) return Float64Array.from(new Float32Array(buffer));
  return Float64Array.from(new Int8Array(buffer), (x) => x * stored.scale);
};

/** Bits as hexadecimal digits, four a digit, and back. */
Play.toHex = (bits) => {
  let text = "";
  for (let i = 0; i < bits.length; i += 4) {
    let digit = 0;
    for (let k = 0; k < 4; k++) digit = digit * 2 + (bits[i + k] ? 1 : 0);
    text += digit.toString(16);
  }
  return text;
};

Play.fromHex = (text, n) => {
  const bits = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const digit = parseInt(text[i >> 2], 16) || 0;
    bits[i] = (digit >> (3 - (i & 3))) & 1;
  }
  return bits;
};

/** A number for people: `digits` after the point, a true minus, powers of ten where needed. */
Play.say = (x, digits = 2) => {
  if (x === Infinity) return "∞";
  if (x === -Infinity) return "−∞";
  if (Number.isNaN(x)) return "?";
  const size = Math.abs(x);
  if (size >= 1e7 || (size > 0 && size < 0.5 * 10 ** -digits)) {
    const [head, tail] = x.toExponential(1).split("e");
    const raised = [...String(Number(tail))].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
    return `${head.replace("-", "−")}×10${raised.join("")}`;
  }
  return x.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    .replace("-", "−");
};

Play.percent = (x) => {
  if (Number.isNaN(x)) return "?";
  return x > 0 && x < 0.001 ? "<0.1%" : `${(100 * x).toFixed(1)}%`;
};

// -- the address: what a teacher links to -------------------------------------------------------

Play.address = {
  /** What the address says: {at, values: {"widget.name": text}}. */
  read() {
    const said = new URLSearchParams(location.hash.slice(1));
    const values = Object.fromEntries([...said].filter(([name]) => name.includes(".")));
    return { at: said.get("at"), values };
  },
  values: {},
  write(at) {
    const said = new URLSearchParams({ at, ...this.values });
    const timed = Date.now();
    // Browsers limit how often an address may change; the last change is written in any case.
    clearTimeout(this.later);
    const put = () => {
      try {
        history.replaceState(null, "", `#${said}`);
      } catch {
        // Inside some frames a page has no address of its own: nothing to keep.
      }
    };
    if (timed - (this.last || 0) > 500) {
      this.last = timed;
      put();
    } else this.later = setTimeout(put, 520);
  },
};

/** A widget's own part of the address: numbers and texts by name, left out where as at first. */
Play.stateOf = (widget, first) => {
  const state = { ...first };
  const names = Object.keys(first);
  return Object.assign(Object.create({
    read() {
      for (const name of names) {
        const text = Play.address.values[`${widget}.${name}`];
        const number = typeof first[name] === "number";
        const wrong = text === undefined || (number && !Number.isFinite(Number(text)));
        this[name] = wrong ? first[name] : number ? Number(text) : text;
      }
    },
    set(changes) {
      Object.assign(this, changes);
      for (const name of names) {
        const key = `${widget}.${name}`;
        if (this[name] === first[name]) delete Play.address.values[key];
        else Play.address.values[key] = String(this[name]);
      }
      Play.address.write(widget);
    },
  }), state);
};

// -- the page -----------------------------------------------------------------------------------

/** An element: el("p", {class: "note", onclick: f}, "text", child). */
Play.el = (tag, attributes = {}, ...children) => {
  const svg = ["svg", "path", "line", "text", "circle", "rect", "g"].includes(tag);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
};

Play.button = (text, onclick, attributes = {}) =>
  Play.el("button", { type: "button", onclick, ...attributes }, text);

/** A slider with its name and its value in words; `set` moves it without telling anyone. */
Play.slider = ({ name, min, max, step, value, say, onchange }) => {
  const output = Play.el("output");
  const input = Play.el("input", { type: "range", min, max, step, "aria-label": name });
  const show = () => {
    output.textContent = say(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.value = value;
  input.addEventListener("input", () => {
    show();
    onchange(Number(input.value));
  });
  show();
  const row = Play.el("label", { class: "slider" }, Play.el("span", {}, name), input, output);
  row.set = (x) => {
    input.value = x;
    show();
  };
  return row;
};

/** A choice among named values: a row of buttons of which one is pressed. */
Play.choice = (name, options, onchange) => {
  const row = Play.el("div", { class: "choice", role: "group", "aria-label": name });
  const buttons = options.map(([value, text]) =>
    Play.button(text, () => {
      row.set(value);
      onchange(value);
    }),
  );
  row.append(...buttons);
  row.set = (chosen) =>
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(options[i][0] === chosen)));
  return row;
};

/** Puts parts into an element only where their text is new, so that nothing is read out twice. */
Play.tell = (element, ...parts) => {
  const holder = Play.el("div", {}, ...parts);
  if (holder.textContent !== element.textContent) element.replaceChildren(...holder.childNodes);
};

/** A row of a table: cells are texts or elements. */
Play.row = (cells, tag = "td") =>
  Play.el("tr", {}, ...cells.map((cell) => Play.el(tag, tag === "th" ? { scope: "col" } : {}, cell)));

/** Calls `step` once a frame while on; `button` starts and stops it. */
Play.runner = (names, step) => {
  const [start, stop] = names;
  let on = false;
  const tick = () => {
    if (!on) return;
    if (step() === false) runner.stop();
    else requestAnimationFrame(tick);
  };
  const runner = {
    button: Play.button(start, () => (on ? runner.stop() : runner.start()), { class: "main" }),
    start() {
      on = true;
      runner.button.textContent = stop;
      requestAnimationFrame(tick);
    },
    stop() {
      on = false;
      runner.button.textContent = start;
    },
  };
  return runner;
};

/** Everything in its place: widgets are begun, the address is read and followed. */
Play.begin = (data) => {
  const held = Play.widgets.filter(({ name }) => name in data);
  const begun = held.map(({ name, first, start }) => {
    const state = Play.stateOf(name, first);
    Play.address.values = Play.address.read().values;
    state.read();
    const widget = start(document.querySelector(`#${name} .stage`), data[name], state, data);
    widget.show();
    return { state, widget };
  });
  const go = () => {
    const { at } = Play.address.read();
    if (at && document.getElementById(at)) document.getElementById(at).scrollIntoView();
  };
  addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return; // a link to a place, not to a moment
    Play.address.values = Play.address.read().values;
    for (const { state, widget } of begun) {
      state.read();
      widget.show();
    }
    go();
  });
  const repaint = () => {
    Play.palette.clear();
    begun.forEach(({ widget }) => widget.paint());
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  go();
};
