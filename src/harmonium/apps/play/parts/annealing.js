// Z by annealing: chains led from a flat distribution to the model, beside the enumerated truth.

/**
 * Annealed importance sampling (Neal 2001) from uniform states to `rbm` over `nSteps` equal steps
 * of beta: {logZ, error, effective, each, paths}, `paths` the log weights of each chain on the way.
 */
Play.anneal = (rbm, nSteps, nChains, random) => {
  const logZ0 = (rbm.n + rbm.m) * Math.log(2);
  const each = new Float64Array(nChains);
  const paths = [];
  const looks = new Set(Array.from({ length: 41 }, (_, i) => Math.round((i * nSteps) / 40)));
  for (let r = 0; r < nChains; r++) {
    const v = Uint8Array.from({ length: rbm.n }, () => (random() < 0.5 ? 1 : 0));
    const path = [[0, logZ0]];
    let log = logZ0;
    for (let k = 1; k <= nSteps; k++) {
      log += rbm.logWeight(v, k / nSteps) - rbm.logWeight(v, (k - 1) / nSteps);
      if (k < nSteps) rbm.sweep(v, random, k / nSteps);
      if (looks.has(k)) path.push([k / nSteps, log]);
    }
    each[r] = log;
    paths.push(path);
  }
  const { value, error, effective } = Play.logMeanExp(each);
  return { logZ: value, error, effective, each, paths };
};

Play.widgets.push({
  name: "annealing",
  first: { steps: 30, chains: 50, seed: 1 },
  start(stage, data, state) {
    const { el, say } = Play;
    const rbm = new Play.Rbm(Play.numbers(data.W), Play.numbers(data.b), Play.numbers(data.c));
    const truth = rbm.logZ();
    const ladder = [1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000];

    const paths = Play.chart({
      name: "Log weights of the chains as they cool", xName: "from flat (0) to the model (1)", yName: "log weight",
    });
    const trend = Play.chart({
      name: "Estimates of log Z against steps", xName: "steps of the annealing", yName: "log Z",
    });
    const told = el("div", { class: "answer", "aria-live": "polite" });
    const trials = new Map();

    const paint = () => {
      const key = `${state.seed} ${state.chains} ${state.steps}`;
      if (!trials.has(key)) {
        if (trials.size > 200) trials.clear();
        trials.set(key, Play.anneal(rbm, state.steps, state.chains, Play.generator(state.seed)));
      }
      const found = trials.get(key);
      const ends = found.paths.flatMap((path) => path.map(([, y]) => y));
      paths.show({
        series: found.paths.slice(0, 60).map((points) => ({ colour: "c1", thin: true, points })),
        rules: [{ y: truth, name: "log Z, enumerated" }],
        x: { low: 0, high: 1 }, y: { low: Math.min(...ends, truth) - 0.5, high: Math.max(...ends, truth) + 0.5 },
      });
      const same = [...trials].filter(([k]) => k.startsWith(`${state.seed} ${state.chains} `));
      const spots = same.map(([k, one]) => [Number(k.split(" ")[2]), one]).sort((a, b) => a[0] - b[0]);
      const bars = spots.map(([steps, one]) => ({
        colour: "c1", points: [[steps, one.logZ - 2 * one.error], [steps, one.logZ + 2 * one.error]],
      }));
      const around = spots.flatMap(([, one]) => [one.logZ - 2 * one.error, one.logZ + 2 * one.error]);
      trend.show({
        series: [
          { name: "estimate ± 2 errors; move the slider for more", colour: "c1", dots: true, thin: true, points: spots.map(([s, one]) => [s, one.logZ]) },
          ...bars,
        ],
        rules: [{ y: truth }],
        x: { low: 1, high: 1000, log: true },
        y: { low: Math.min(...around, truth - 0.5) - 0.2, high: Math.max(...around, truth + 0.5) + 0.2 },
      });
      const off = found.logZ - truth;
      const few = found.effective < 10;
      Play.tell(told,
        el("p", {}, el("b", {}, `log Z = ${say(found.logZ, 3)} ± ${say(found.error, 3)}`),
          ` by ${state.chains} chains of ${state.steps} ${state.steps === 1 ? "step" : "steps"}`),
        el("p", {}, `The truth, summed over ${(2 ** rbm.m).toLocaleString("en")} states of the hidden units: ${say(truth, 3)}; `
          + `off by ${say(Math.abs(off), 3)}, ${say(Math.abs(off) / found.error, 1)} errors`),
        el("p", {}, few
          ? `Do not trust it: only ${say(found.effective, 1)} chains count. An error bar made of so few is itself a guess.`
          : `${say(found.effective, 1)} of ${state.chains} chains count`));
      told.classList.toggle("alarm", few);
    };
    const steps = Play.slider({
      name: "steps", min: 0, max: ladder.length - 1, step: 1, value: 6, say: (i) => String(ladder[i]),
      onchange: (i) => { state.set({ steps: ladder[i] }); paint(); },
    });
    const chains = Play.slider({
      name: "chains", min: 10, max: 200, step: 10, value: 50, say: String,
      onchange: (x) => { state.set({ chains: x }); paint(); },
    });
    const again = Play.button("Other dice", () => { state.set({ seed: state.seed + 1 }); paint(); }, { class: "main" });
    const all = Play.button("All numbers of steps", () => {
      for (const s of [...ladder, state.steps]) { state.steps = s; paint(); }
    });
    const widget = {
      paint,
      show() {
        const near = ladder.reduce((a, b) => (Math.abs(b - state.steps) < Math.abs(a - state.steps) ? b : a));
        state.steps = near;
        state.chains = Math.min(200, Math.max(10, Math.round(state.chains)));
        steps.set(ladder.indexOf(near));
        chains.set(state.chains);
        paint();
      },
    };
    stage.append(steps, chains, el("div", { class: "buttons" }, again, all), told,
      el("div", { class: "two" }, el("div", {}, paths.element), el("div", {}, trend.element)));
    return widget;
  },
});
