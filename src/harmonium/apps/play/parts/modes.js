// Why uniform samples fail: four ways to spend the same number of samples, the truth known.

/** P(k pixels on) for an RBM of which all pixels are alike, and the mean of k: exactly. */
Play.pixelsOn = (rbm) => {
  const states = rbm.hiddenStates();
  const shares = Play.softmax(states.map((h) => rbm.logWeightHidden(h)));
  const p = new Float64Array(rbm.n + 1);
  states.forEach((h, s) => {
    let held = Float64Array.of(1); // of the pixels so far: Poisson's binomial, pixel by pixel
    for (const on of rbm.visibleGiven(h)) {
      const next = new Float64Array(held.length + 1);
      held.forEach((x, k) => {
        next[k] += x * (1 - on);
        next[k + 1] += x * on;
      });
      held = next;
    }
    held.forEach((x, k) => (p[k] += shares[s] * x));
  });
  return { p, mean: Play.sum(p.map((x, k) => x * k)) };
};

/** A running mean of k = pixels on, of samples that may be weighed. */
Play.Running = class {
  constructor() {
    [this.top, this.weight, this.squares, this.total, this.n] = [-Infinity, 0, 0, 0, 0];
    this.counts = [];
  }

  add(k, logWeight = 0) {
    if (logWeight > this.top) {
      const shrink = Math.exp(this.top - logWeight);
      this.weight *= shrink;
      this.total *= shrink;
      this.squares *= shrink * shrink;
      this.counts = this.counts.map((x) => x * shrink);
      this.top = logWeight;
    }
    const w = Math.exp(logWeight - this.top);
    this.weight += w;
    this.squares += w * w;
    this.total += w * k;
    this.counts[k] = (this.counts[k] || 0) + w;
    this.n += 1;
  }

  get mean() { return this.total / this.weight; }
  get effective() { return this.weight ** 2 / this.squares; }
};

/** The four ways. Each `spend(n)` uses up n samples: draws, or sweeps of one chain. */
Play.ways = (rbm, q, seed) => {
  const on = (v) => Play.sum(v);
  const weighed = (share, random) => {
    const found = new Play.Running();
    return {
      found,
      spend(n) {
        for (let i = 0; i < n; i++) {
          const v = Uint8Array.from({ length: rbm.n }, () => (random() < share ? 1 : 0));
          const k = on(v);
          this.now = v;
          found.add(k, rbm.logWeight(v) - k * Math.log(share) - (rbm.n - k) * Math.log(1 - share));
        }
      },
    };
  };
  const gibbs = (random) => {
    const found = new Play.Running();
    const now = new Uint8Array(rbm.n); // begins all off: a chain has to begin somewhere
    return { found, now, spend(n) { for (let i = 0; i < n; i++) { rbm.sweep(now, random); found.add(on(now)); } } };
  };
  const tempered = (random) => {
    const found = new Play.Running();
    const betas = [1, 0.75, 0.5, 0.25, 0];
    const chains = betas.map(() => new Uint8Array(rbm.n));
    let owed = 0;
    const way = {
      found, now: chains[0],
      spend(n) {
        // A step sweeps every temperature, and so costs as many samples.
        for (owed += n; owed >= betas.length; owed -= betas.length) {
          chains.forEach((v, k) => rbm.sweep(v, random, betas[k]));
          for (let k = 0; k + 1 < betas.length; k++) {
            const gain = (i, j) => rbm.logWeight(chains[i], betas[j]) - rbm.logWeight(chains[i], betas[i]);
            if (Math.log(random()) < gain(k, k + 1) + gain(k + 1, k))
              [chains[k], chains[k + 1]] = [chains[k + 1], chains[k]];
          }
          way.now = chains[0];
          found.add(on(way.now));
        }
      },
    };
    return way;
  };
  const random = (k) => Play.generator(seed * 8 + k);
  return [weighed(0.5, random(0)), weighed(q, random(1)), gibbs(random(2)), tempered(random(3))];
};

Play.widgets.push({
  name: "modes",
  first: { n: 300, q: 0.9, seed: 1 },
  start(stage, data, state) {
    const { el, say } = Play;
    const rbm = new Play.Rbm(...["W", "b", "c"].map((name) => Float64Array.from(data[name])));
    const truth = Play.pixelsOn(rbm);
    const [repeats, limit] = [20, 5000];
    const names = ["uniform, weighed", "importance", "Gibbs", "tempered"];
    const colours = ["c3", "c4", "c2", "c1"];
    let runs, curves, spent;

    const cards = names.map((name, w) => {
      const board = Play.board({
        rows: 4, cols: 4, size: 16, name: `the sample of ${name} now`,
        paint: Play.inked((i) => (runs[0][w].now ? runs[0][w].now[i] : 0)),
      });
      const bars = Play.board({
        rows: 1, cols: rbm.n + 1, size: 10, name: `pixels on: ${name} beside the truth`,
        paint: () => {},
      });
      const canvas = bars.element;
      canvas.height = 140; // higher than its one row of cells
      canvas.classList.add("bars");
      const draw = () => {
        const context = canvas.getContext("2d");
        context.setTransform(2, 0, 0, 2, 0, 0);
        context.clearRect(0, 0, 240, 80);
        const { counts, weight } = runs[0][w].found;
        const high = 0.45;
        for (let k = 0; k <= rbm.n; k++) {
          const share = weight ? (counts[k] || 0) / weight : 0;
          context.fillStyle = Play.ink(colours[w]);
          context.fillRect(k * 10 + 1, 66 - Math.min(1, share / high) * 62, 8, Math.min(1, share / high) * 62);
          context.fillStyle = Play.ink("ink");
          context.fillRect(k * 10, 66 - (truth.p[k] / high) * 62 - 1, 10, 2);
        }
        context.fillRect(0, 66, 170, 1);
      };
      const words = el("span", { class: "note" });
      const frame = el("div", { class: "framed way" },
        el("b", { style: `color: var(--${colours[w]})` }, name),
        el("div", { class: "pair" }, board.element, canvas), words);
      return { frame, words, show() { board.show(); draw(); } };
    });
    const chart = Play.chart({
      name: "Error against samples", xName: "samples", yName: "error (pixels)", height: 250,
    });
    const told = el("p", { class: "answer" });

    const look = () => {
      curves.forEach((curve, w) => {
        const errors = runs.map((ways) => (ways[w].found.n ? ways[w].found.mean - truth.mean : truth.mean));
        curve.push([spent, Math.sqrt(Play.mean(errors.map((e) => e * e)))]);
      });
    };
    const advance = (to) => {
      while (spent < to) {
        const goal = Math.min(to, Math.max(spent + 5, Math.ceil(spent * 1.12 / 5) * 5));
        for (const ways of runs) for (const way of ways) way.spend(goal - spent);
        spent = goal;
        look();
      }
    };
    const paint = () => {
      for (const card of cards) card.show();
      cards.forEach(({ words }, w) => {
        const { found } = runs[0][w];
        words.textContent = found.n
          ? `mean ${say(found.mean)}, off by ${say(Math.abs(found.mean - truth.mean))}`
            + (w < 2 ? `; ${say(found.effective, 1)} of ${found.n} count` : "")
          : "";
      });
      chart.show({
        series: names.map((name, w) => ({ name, colour: colours[w], points: curves[w] })),
        x: { low: 5, high: Math.max(1000, spent), log: true }, y: { low: 0.02, high: 15, log: true },
      });
      told.textContent = `The truth, summed over all 65,536 pictures: ${say(truth.mean, 3)} pixels on. `
        + `${spent.toLocaleString("en")} samples spent by each way, in ${repeats} repetitions; one of them is shown.`;
    };
    const begin = () => {
      runs = Array.from({ length: repeats }, (_, r) => Play.ways(rbm, state.q, state.seed * 1000 + r));
      curves = names.map(() => []);
      spent = 0;
    };
    const runner = Play.runner(["Draw samples", "Pause"], () => {
      advance(Math.min(limit, spent + Math.max(5, Math.round(spent / 50))));
      state.set({ n: spent });
      paint();
      return spent < limit;
    });
    const restart = (changes) => {
      runner.stop();
      state.set({ n: 0, ...changes });
      widget.show();
    };
    const jump = Play.button("Spend 1,000", () => {
      runner.stop();
      advance(Math.min(limit, spent + 1000));
      state.set({ n: spent });
      paint();
    });
    const q = Play.slider({
      name: "importance: each pixel on with", min: 0.05, max: 0.95, step: 0.05, value: 0.9,
      say: (x) => say(x), onchange: (x) => restart({ q: x }),
    });
    const widget = {
      paint,
      show() {
        state.q = Math.min(0.95, Math.max(0.05, state.q));
        q.set(state.q);
        begin();
        advance(Math.min(limit, Math.max(0, Math.round(state.n))));
        paint();
      },
    };
    stage.append(
      el("div", { class: "buttons" }, runner.button, jump,
        Play.button("Begin again", () => restart({ seed: state.seed + 1 }))),
      q,
      el("div", { class: "frames" }, ...cards.map(({ frame }) => frame)),
      chart.element, told);
    return widget;
  },
});
