// Latents: an RBM of pictures, with a label or none; what hidden units say, and what they make.

/** P(picture, label): an RBM whose visible units are pixels and a label, which may be missing. */
Play.Machine = class {
  constructor({ W, U, b, d, c, logZ }) {
    this.rbm = new Play.Rbm(Play.numbers(W), Play.numbers(b), Play.numbers(c));
    [this.U, this.d] = [Play.numbers(U), Play.numbers(d)]; // of labels: (labels x m) and as many
    [this.n, this.m, this.logZ] = [this.rbm.n, this.rbm.m, logZ];
  }

  /** What hidden units receive from a picture and label y; -1: no label yet. */
  inputs(v, y) {
    const x = this.rbm.inputsHidden(v);
    return y < 0 ? x : x.map((value, j) => value + this.U[y * this.m + j]);
  }

  /** log of exp(-E(v, y, h)) summed over h, for each label y; one number where there are none. */
  logWeights(v) {
    if (!this.d.length) return Float64Array.of(this.rbm.logWeight(v));
    const x = this.rbm.inputsHidden(v);
    const bias = Play.sum(this.rbm.b.map((b, i) => b * v[i]));
    return this.d.map((d, y) => {
      let sum = bias + d;
      for (let j = 0, k = y * this.m; j < this.m; j++, k++) sum += Play.softplus(x[j] + this.U[k]);
      return sum;
    });
  }

  /** log P(picture), labels summed out, in nats. */
  logP(v) {
    return Play.logSumExp(this.logWeights(v)) - this.logZ;
  }

  /** P(label given picture). */
  labelGiven(v) {
    return Play.softmax(this.logWeights(v));
  }

  /** P(h_j = 1 given picture, and label where one is given; else summed over labels). */
  hiddenGiven(v, y = -1) {
    if (y >= 0 || !this.d.length) return this.inputs(v, y).map(Play.sigmoid);
    const found = new Float64Array(this.m);
    this.labelGiven(v).forEach((p, k) =>
      this.inputs(v, k).forEach((x, j) => (found[j] += p * Play.sigmoid(x))));
    return found;
  }

  /** P(label given hidden). */
  labelOf(h) {
    return Play.softmax(Array.from(this.d, (d, y) => {
      let sum = d;
      for (let j = 0; j < this.m; j++) sum += this.U[y * this.m + j] * h[j];
      return sum;
    }));
  }

  /** One Gibbs sweep of {v, y} in place; what is clamped stays. Returns P(v = 1 given h). */
  sweep(chain, held, label, random) {
    const h = this.inputs(chain.v, chain.y).map((x) => (random() < Play.sigmoid(x) ? 1 : 0));
    const y = this.d.length ? Play.draw(this.labelOf(h), random) : -1;
    chain.y = label >= 0 ? label : y;
    const p = this.rbm.visibleGiven(h);
    for (let i = 0; i < this.n; i++) {
      const bit = random() < p[i] ? 1 : 0;
      if (!held[i]) chain.v[i] = bit;
    }
    return p;
  }
};

Play.widgets.push({
  name: "latents",
  first: { x: "", held: "half", label: -1, units: "", seed: 1, n: 50 },
  start(stage, data, state) {
    const { el, say, percent } = Play;
    const model = new Play.Machine(data);
    const [rows, cols] = data.shape;
    const { n } = model;
    const real = data.examples.map((hex) => Play.fromHex(hex, n));
    const start = real[data.begin];
    const half = Uint8Array.from({ length: n }, (_, i) => (i < cols * Math.floor(rows / 2) ? 1 : 0));
    const weights = Array.from({ length: model.m }, (_, j) =>
      Array.from({ length: n }, (_, i) => model.rbm.W[i * model.m + j]));
    const cell = Math.max(8, Math.floor(208 / Math.max(rows, cols)));
    const across = Math.min(model.m, Math.max(8, Math.round(Math.sqrt(model.m * 1.4))));
    const tile = Play.tiles(weights, cols, model.rbm.W.reduce((a, w) => Math.max(a, Math.abs(w)), 0) * 0.8);
    let x, held, forced, hidden, rebuilt, chain, random, total, tool = "draw";

    const keep = () => {
      const text = forced.map((f) => f).join("");
      const hex = Play.toHex(x);
      state.set({
        x: hex === Play.toHex(start) ? "" : hex,
        held: Play.toHex(held) === Play.toHex(half) ? "half" : Play.toHex(held),
        units: /[01]/.test(text) ? text : "",
      });
    };
    const describe = (i) => `row ${Math.floor(i / cols) + 1}, column ${(i % cols) + 1}`;
    const board = Play.board({
      rows, cols, size: cell, name: "your picture",
      paint: Play.inked((i) => x[i], (i) => held[i]),
      say: (i) => `${describe(i)}, ${x[i] ? "on" : "off"}${held[i] ? ", held" : ""}`,
      pick: (i, first, stroke) => {
        const cells = tool === "draw" ? x : held;
        if (first) stroke.to = cells[i] ? 0 : 1;
        cells[i] = stroke.to;
        keep();
        begin(0);
        paint();
      },
    });
    const units = Play.board({
      rows: Math.ceil(model.m / across), cols: across, size: 34, gap: 6, name: "hidden units",
      paint: (context, j, px, py, size) => {
        if (j >= model.m) return;
        context.fillStyle = Play.mix(Play.colour("line"), Play.colour("accent"), hidden[j]);
        context.fillRect(px - 2, py - 2, size + 4, size + 4);
        if (forced[j] !== ".") {
          context.strokeStyle = Play.ink("alarm");
          context.lineWidth = 2;
          context.strokeRect(px - 2, py - 2, size + 4, size + 4);
        }
        const unit = (size - 3) / Math.max(rows, cols);
        tile(context, j, px + 1.5, py + 1.5, cols * unit, rows * unit);
      },
      say: (j) => j >= model.m ? "no unit" : `unit ${j + 1}, P(on) ${percent(hidden[j])}${forced[j] === "." ? "" : `, set ${forced[j] === "1" ? "on" : "off"} by you`}`,
      pick: (j, first) => {
        if (!first || j >= model.m) return;
        const natural = freely[j] > 0.5;
        forced[j] = forced[j] === "." ? (natural ? "0" : "1") : ".";
        keep();
        paint();
      },
    });
    let freely;
    const back = Play.board({ rows, cols, size: cell, name: "reconstruction", paint: Play.inked((i) => rebuilt[i]) });
    const now = Play.board({
      rows, cols, size: cell, name: "the chain now", paint: Play.inked((i) => chain.v[i], (i) => held[i]),
    });
    const mean = Play.board({
      rows, cols, size: cell, name: "mean of the chain",
      paint: Play.inked((i) => (state.n ? total[i] / state.n : chain.v[i]), (i) => held[i]),
    });
    const labels = el("div", { class: "labels" });
    const faces = data.labels.map((name) => {
      const bar = el("i", { class: "bar" });
      labels.append(el("div", {}, el("b", {}, name), el("span", { class: "track" }, bar)));
      return bar;
    });
    const told = el("p", { class: "answer", "aria-live": "polite" });
    const chainTold = el("span", { class: "note" });
    const scale = Play.chart({
      name: `log P of ${data.what}, and of yours`, xName: "log P (nats)", yName: data.what, height: 180,
    });
    const low = Math.min(...data.scores);
    const high = Math.max(...data.scores) + 1;
    const width = Math.max((high - low) / 25, 1e-6);
    const bins = Array.from({ length: Math.ceil((high - low) / width) }, (_, k) =>
      data.scores.filter((s) => s >= low + k * width && s < low + (k + 1) * width).length);
    const outline = bins.flatMap((n, k) => [[low + k * width, n], [low + (k + 1) * width, n]]);

    const paint = () => {
      freely = model.hiddenGiven(x, state.label);
      hidden = freely.map((p, j) => (forced[j] === "." ? p : Number(forced[j])));
      rebuilt = model.rbm.visibleGiven(hidden);
      const logP = model.logP(x);
      const p = data.labels.length ? model.labelGiven(x) : [];
      faces.forEach((bar, y) => (bar.style.width = `${100 * p[y]}%`));
      const likelier = data.scores.filter((s) => s < logP).length / data.scores.length;
      const first = p.indexOf(Math.max(...p));
      Play.tell(told,
        el("b", {}, `log P(picture) = ${say(logP, 2)} nats. `),
        data.scores.length ? `${percent(likelier)} of ${data.scores.length} ${data.what} are less likely. ` : "",
        first < 0 ? "" : `Its label: ${data.labels[first]} (${percent(p[first])}).`);
      const left = Math.min(low, logP - 1);
      if (data.scores.length) scale.show({
        series: [
          { name: `${data.scores.length} ${data.what}`, colour: "c1", points: [[low, 0], ...outline, [high, 0]] },
          { name: "yours", colour: "c2", points: [[logP, 0], [logP, Math.max(...bins)]] },
        ],
        x: { low: left, high }, y: { low: 0, high: Math.max(...bins) },
      });
      for (const one of [board, units, back, now, mean]) one.show();
      chainTold.textContent = `${state.n} sweeps${chain.y < 0 ? "" : `; its label now: ${data.labels[chain.y]}`}`;
    };
    const advance = (sweeps) => {
      for (let k = 0; k < sweeps; k++) {
        const p = model.sweep(chain, held, state.label, random);
        for (let i = 0; i < n; i++) total[i] += held[i] ? x[i] : p[i];
      }
    };
    /** The chain from its beginning: what is held as drawn, the rest by coins; then sweeps. */
    const begin = (sweeps) => {
      random = Play.generator(state.seed);
      chain = {
        v: Uint8Array.from(x, (bit, i) => { const coin = random() < 0.5 ? 1 : 0; return held[i] ? bit : coin; }),
        y: state.label >= 0 || !data.labels.length ? state.label : Math.floor(random() * data.labels.length),
      };
      total = new Float64Array(n);
      state.n = sweeps;
      advance(sweeps);
    };
    const runner = Play.runner(["Run the chain", "Pause"], () => {
      advance(1);
      state.set({ n: state.n + 1 });
      paint();
      return state.n < 5000;
    });
    const label = el("select", {
      "aria-label": "label",
      onchange: () => { state.set({ label: Number(label.value) }); begin(0); keep(); paint(); },
    }, el("option", { value: -1 }, "free"), ...data.labels.map((name, y) => el("option", { value: y }, name)));
    const tools = Play.choice("what pressing a pixel does", [["draw", "Draw"], ["hold", "Hold pixels"]], (t) => {
      tool = t;
    });
    tools.set("draw");
    const change = (f) => () => { f(); begin(0); keep(); paint(); };
    const hold = (which) => change(() => { for (let i = 0; i < n; i++) held[i] = which(i) ? 1 : 0; });
    let next = data.begin;
    const widget = {
      paint,
      show() {
        x = state.x ? Play.fromHex(state.x, n) : Uint8Array.from(start);
        held = state.held === "half" ? half.slice() : Play.fromHex(state.held, n);
        const said = state.units.length === model.m && /^[.01]+$/.test(state.units);
        forced = said ? [...state.units] : Array.from({ length: model.m }, () => ".");
        state.label = Math.max(-1, Math.min(data.labels.length - 1, Math.round(state.label)));
        label.value = state.label;
        begin(Math.max(0, Math.min(5000, Math.round(state.n))));
        paint();
      },
    };
    stage.append(
      el("div", { class: "buttons" }, tools,
        Play.button("Another real one", change(() => { next = (next + 1) % real.length; x = Uint8Array.from(real[next]); })),
        Play.button("Clear", change(() => x.fill(0))),
        Play.button("Units free", () => { forced.fill("."); keep(); paint(); })),
      el("div", { class: "frames" },
        Play.framed("Your picture", board, "press or paint; arrow keys and space"),
        Play.framed("Hidden units: P(h given v)", units, "frame: how surely on; press one to turn it", "wide"),
        Play.framed("Reconstruction: E[v given h]", back),
        data.labels.length ? Play.framed("P(label given v)", labels) : undefined),
      told, data.scores.length ? scale.element : "",
      el("h3", {}, data.labels.length ? "Hold some pixels, or the label; a chain fills in the rest" : "Hold some pixels; a chain fills in the rest"),
      el("div", { class: "buttons" }, runner.button,
        Play.button("Hold upper half", hold((i) => half[i])), Play.button("Hold left half", hold((i) => i % cols < cols / 2)),
        Play.button("Hold nothing", hold(() => false)),
        data.labels.length ? el("label", { class: "field" }, "label ", label) : undefined,
        Play.button("Other dice", () => { state.set({ seed: state.seed + 1, n: 0 }); begin(0); keep(); paint(); })),
      el("div", { class: "frames" }, Play.framed("The chain now", now), Play.framed("Mean of its sweeps", mean), chainTold));
    return widget;
  },
});
