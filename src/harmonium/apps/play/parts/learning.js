// Learning: an RBM on bars and stripes of 3x3 pixels, by the exact gradient and by a sampled one.

/** A learner of `rows`: weights begin small and random; `step` climbs, `n` counts the steps. */
Play.Learner = class {
  constructor(rows, m, seed, nChains) {
    const random = Play.generator(seed);
    const n = rows[0].length;
    const small = () => (random() + random() + random() - 1.5) * 0.2;
    this.rows = rows;
    this.random = random;
    this.rbm = new Play.Rbm(Float64Array.from({ length: n * m }, small), new Float64Array(n), new Float64Array(m));
    this.chains = Array.from({ length: nChains }, () => Uint8Array.from({ length: n }, () => random() < 0.5));
    this.n = 0;
  }

  /**
   * One step up: dream half exact where there are no chains, else persistent chains' (PCD). Steps
   * shrink, to a half after 500.
   */
  step(size) {
    const { rbm } = this;
    const rate = (size * 500) / (500 + this.n);
    const data = rbm.momentsOf(this.rows);
    if (this.chains.length) for (const v of this.chains) rbm.sweep(v, this.random);
    const dream = this.chains.length ? rbm.momentsOf(this.chains) : rbm.moments();
    const climb = (to, a, b) => { for (let i = 0; i < to.length; i++) to[i] += rate * (a[i] - b[i]); };
    climb(rbm.W, data.vh, dream.vh);
    climb(rbm.b, data.v, dream.v);
    climb(rbm.c, data.h, dream.h);
    this.n += 1;
    return { data, dream };
  }
};

/** All pictures of full rows, or of full columns: 14 of 3x3. */
Play.barsAndStripes = (side) => {
  const found = new Map();
  for (let s = 0; s < 2 ** side; s++)
    for (const down of [false, true]) {
      const v = Uint8Array.from({ length: side * side }, (_, i) =>
        (s >> (down ? i % side : Math.floor(i / side))) & 1);
      found.set(v.join(""), v);
    }
  return [...found.values()];
};

Play.widgets.push({
  name: "learning",
  first: { n: 0, rate: 0.8, chains: 50, seed: 1 },
  start(stage, data, state) {
    const { el, say } = Play;
    const [side, m, limit] = [3, 6, 3000];
    const rows = Play.barsAndStripes(side);
    const best = -Math.log(rows.length);
    let exact, sampled, curves, halves;

    const tiles = (heading, of, words) => {
      const board = Play.board({
        rows: 2, cols: m / 2, size: 60, gap: 8, name: heading,
        paint: (context, j, x, y, size) => {
          const values = Array.from({ length: side * side }, (_, i) => of()[i * m + j]);
          Play.signedTile(context, values, side, 0.55, x, y, size);
        },
      });
      return { board, frame: Play.framed(heading, board, words) };
    };
    const dataHalf = tiles("The data half", () => halves.data.vh, "how often pixel and unit are on together, in the data");
    const dreamHalf = tiles("The dream half", () => halves.dream.vh, "the same, in what the model dreams");
    const difference = tiles("Their difference", () => halves.data.vh.map((x, i) => x - halves.dream.vh[i]), "");
    const patterns = Play.board({
      rows: 2, cols: 7, size: 42, gap: 8, name: "the 14 patterns and their probabilities",
      paint: (context, k, x, y, size) => {
        const step = size / side;
        rows[k].forEach((bit, i) => {
          context.fillStyle = Play.grey(bit);
          context.fillRect(x + (i % side) * step, y + Math.floor(i / side) * step, step - 0.6, step - 0.6);
        });
        context.strokeStyle = Play.ink("faint");
        context.lineWidth = 1;
        context.strokeRect(x, y, size, size);
        const p = Math.exp(exact.rbm.logWeight(rows[k]) - halves.logZ);
        context.fillStyle = Play.ink("c2");
        context.fillRect(x, y + size + 1.5, Math.min(1, p * rows.length) * size, 4);
      },
    });
    const patternFrame = Play.framed("What it is to learn: 14 patterns of 512", patterns, "");
    const chart = Play.chart({
      name: "Log-likelihood against steps", xName: "steps", yName: "mean log P (nats)",
    });
    const told = el("p", { class: "answer", "aria-live": "off" });

    const look = () => {
      const { n } = exact;
      halves = exact.rbm.gradient(rows);
      curves.exact.push([n, exact.rbm.score(rows, halves.logZ)]);
      curves.sampled.push([n, sampled.rbm.score(rows)]);
    };
    const advance = (to) => {
      while (exact.n < to) {
        exact.step(state.rate);
        sampled.step(state.rate);
        if (exact.n % 20 === 0 && exact.n < to) look();
      }
      look();
    };
    const paint = () => {
      for (const { board } of [dataHalf, dreamHalf, difference]) board.show();
      patterns.show();
      const last = (curve) => curve[curve.length - 1][1];
      const rest = Math.max(...halves.W.map(Math.abs));
      difference.frame.note.textContent = `largest: ${say(rest, 4)}`;
      const mass = Play.sum(rows.map((v) => Math.exp(exact.rbm.logWeight(v) - halves.logZ)));
      patternFrame.note.textContent = `hold ${Play.percent(mass)} of all probability; an orange bar is full where a pattern has its fair share`;
      chart.show({
        series: [
          { name: "exact gradient", colour: "c1", points: curves.exact },
          { name: `dreams from ${state.chains} ${state.chains === 1 ? "chain" : "chains"}`, colour: "c2", points: curves.sampled },
        ],
        rules: [{ y: best, name: `the best there is, −log 14 = ${say(best)}` }],
        x: { low: 0, high: Math.max(100, exact.n) }, y: { low: -6.5, high: -2.4 },
      });
      told.textContent = `After ${exact.n} steps: mean log P = ${say(last(curves.exact), 3)} by exact steps, `
        + `${say(last(curves.sampled), 3)} by sampled ones; both measured exactly.`;
    };
    const begin = () => {
      exact = new Play.Learner(rows, m, state.seed, 0);
      sampled = new Play.Learner(rows, m, state.seed, state.chains);
      curves = { exact: [], sampled: [] };
      look();
    };
    const runner = Play.runner(["Learn", "Pause"], () => {
      advance(Math.min(limit, exact.n + (exact.n < 100 ? 1 : 10)));
      state.set({ n: exact.n });
      paint();
      return exact.n < limit;
    });
    const restart = (changes) => {
      runner.stop();
      state.set({ n: 0, ...changes });
      widget.show();
    };
    const step = (k) => () => {
      runner.stop();
      advance(Math.min(limit, exact.n + k));
      state.set({ n: exact.n });
      paint();
    };
    const rate = Play.slider({
      name: "size of the first step", min: 0.1, max: 2, step: 0.1, value: 0.8, say: (x) => say(x, 1),
      onchange: (x) => restart({ rate: x }),
    });
    const chains = Play.slider({
      name: "chains that dream", min: 1, max: 200, step: 1, value: 50, say: String,
      onchange: (x) => restart({ chains: x }),
    });
    const widget = {
      paint,
      show() {
        state.rate = Math.min(2, Math.max(0.01, state.rate));
        state.chains = Math.min(200, Math.max(1, Math.round(state.chains)));
        rate.set(state.rate);
        chains.set(state.chains);
        begin();
        advance(Math.min(limit, Math.max(0, Math.round(state.n))));
        paint();
      },
    };
    stage.append(
      el("div", { class: "buttons" }, runner.button, Play.button("One step", step(1)),
        Play.button("100 steps", step(100)), Play.button("Begin again", () => restart({ seed: state.seed + 1 }))),
      el("div", { class: "frames" }, dataHalf.frame, dreamHalf.frame, difference.frame),
      el("div", { class: "two" }, el("div", {}, chart.element, told), el("div", {}, patternFrame, rate, chains, el("p", { class: "note" }, "Steps shrink as learning goes on, to a half after 500. Both machines take the same."))));
    return widget;
  },
});
