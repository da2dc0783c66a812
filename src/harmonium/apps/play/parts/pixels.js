// Pixels and neighbours: a picture in black and white whose neighbours like to be alike.

/** The four neighbours of pixel i in a grid of `side` x `side`. */
Play.neighbours = (i, side) => {
  const [row, col] = [Math.floor(i / side), i % side];
  return [[row - 1, col], [row, col + 1], [row + 1, col], [row, col - 1]]
    .filter(([r, c]) => r >= 0 && r < side && c >= 0 && c < side)
    .map(([r, c]) => r * side + c);
};

/**
 * P(x_i = 1 given its neighbours and what was seen there): neighbours that agree count exp(J),
 * and a pixel is seen as it is with probability 1 - p.
 */
Play.pixelGiven = (x, seen, i, { side, J, p }) => {
  let logit = (seen[i] ? 1 : -1) * Math.log((1 - p) / p);
  for (const k of Play.neighbours(i, side)) logit += x[k] ? J : -J;
  return Play.sigmoid(logit);
};

/** log of the product of all factors of x: of the pairs, and of what was seen. */
Play.gridLogWeight = (x, seen, { side, J, p }) => {
  let log = 0;
  for (let i = 0; i < x.length; i++) {
    log += Math.log(x[i] === seen[i] ? 1 - p : p);
    for (const k of Play.neighbours(i, side)) if (k > i && x[k] === x[i]) log += J;
  }
  return log;
};

Play.widgets.push({
  name: "pixels",
  first: { x: "", J: 1.2, p: 0.15, seed: 1, n: 0, k: 300 },
  start(stage, data, state) {
    const { el, say } = Play;
    const { side } = data;
    const size = side * side;
    let clean, seen, x, random, total;

    const draw = Play.board({
      rows: side, cols: side, size: 9, name: "the clean picture",
      paint: Play.inked((i) => clean[i]),
      say: (i) => `row ${Math.floor(i / side) + 1}, column ${(i % side) + 1}, ${clean[i] ? "black" : "white"}`,
      pick: (i, first, stroke) => {
        if (first) stroke.to = clean[i] ? 0 : 1;
        clean[i] = stroke.to;
        const hex = Play.toHex(clean);
        state.set({ x: hex === data.picture ? "" : hex });
        begin(0);
        paint();
      },
    });
    const choose = (i) => { state.set({ k: i }); paint(); };
    const chosen = (i) => i === state.k;
    const noisy = Play.board({
      rows: side, cols: side, size: 9, name: "the noisy picture", paint: Play.inked((i) => seen[i], chosen),
      pick: (i, first) => first && choose(i),
      say: (i) => `row ${Math.floor(i / side) + 1}, column ${(i % side) + 1}, seen ${seen[i] ? "black" : "white"}`,
    });
    const now = Play.board({
      rows: side, cols: side, size: 9, name: "the chain now", paint: Play.inked((i) => x[i], chosen),
      pick: (i, first) => first && choose(i),
      say: (i) => `row ${Math.floor(i / side) + 1}, column ${(i % side) + 1}, ${x[i] ? "black" : "white"}`,
    });
    const mean = Play.board({
      rows: side, cols: side, size: 9, name: "how often each pixel was black",
      paint: Play.inked((i) => (state.n ? total[i] / state.n : seen[i])),
    });
    const frames = [
      Play.framed("The clean picture", draw), Play.framed("Noise added", noisy),
      Play.framed("Gibbs: a draw", now), Play.framed("Mean of all draws", mean)];
    const factor = el("table", { class: "factor" });
    const told = el("div", { class: "answer" });

    const wrong = (of) => {
      let n = 0;
      for (let i = 0; i < size; i++) if ((of(i) > 0.5 ? 1 : 0) !== clean[i]) n += 1;
      return n;
    };
    const paint = () => {
      for (const one of [draw, noisy, now, mean]) one.show();
      frames[0].note.textContent = "draw on it";
      frames[1].note.textContent = `${wrong((i) => seen[i])} pixels of ${size} wrong`;
      frames[2].note.textContent = `after ${state.n} sweeps: ${wrong((i) => x[i])} wrong`;
      frames[3].note.textContent = state.n ? `the likelier colour: ${wrong((i) => total[i] / state.n)} wrong` : "";
      const like = say(Math.exp(state.J));
      factor.replaceChildren(
        el("caption", {}, "The factor between two neighbours"), Play.row(["", "white", "black"], "th"),
        Play.row([el("b", {}, "white"), like, "1"]), Play.row([el("b", {}, "black"), "1", like]));
      const i = state.k;
      const at = Play.neighbours(i, side);
      const black = at.filter((k) => x[k]).length;
      const [forBlack, forWhite] = [Math.exp(state.J * black), Math.exp(state.J * (at.length - black))];
      const [asBlack, asWhite] = seen[i] ? [1 - state.p, state.p] : [state.p, 1 - state.p];
      const given = Play.pixelGiven(x, seen, i, { side, J: state.J, p: state.p });
      told.replaceChildren(
        el("p", {}, `The pixel you chose (orange frame; press another) was seen ${seen[i] ? "black" : "white"}, and has `
          + `${black} black and ${at.length - black} white neighbours.`),
        el("p", {}, `For black: ${say(forBlack)} × ${say(asBlack)} = ${say(forBlack * asBlack, 3)}. `
          + `For white: ${say(forWhite)} × ${say(asWhite)} = ${say(forWhite * asWhite, 3)}.`),
        el("p", {}, el("b", {}, `P(black given the rest) = ${say(given, 3)}`)));
    };
    const sweep = () => {
      const how = { side, J: state.J, p: state.p };
      for (let i = 0; i < size; i++) x[i] = random() < Play.pixelGiven(x, seen, i, how) ? 1 : 0;
      for (let i = 0; i < size; i++) total[i] += x[i];
    };
    const begin = (n) => {
      random = Play.generator(state.seed);
      seen = clean.map((bit) => (random() < state.p ? 1 - bit : bit));
      x = Uint8Array.from(seen);
      total = new Float64Array(size);
      state.n = n;
      for (let k = 0; k < n; k++) sweep();
    };
    const runner = Play.runner(["Clean it", "Pause"], () => {
      sweep();
      state.set({ n: state.n + 1 });
      paint();
      return state.n < 1000;
    });
    const change = (f) => () => { f(); begin(0); state.set({}); paint(); };
    const J = Play.slider({
      name: "coupling", min: 0, max: 2.5, step: 0.05, value: 0.9, say: (v) => say(v),
      onchange: (v) => { state.J = v; change(() => {})(); },
    });
    const p = Play.slider({
      name: "noise: pixels turned", min: 0.01, max: 0.49, step: 0.01, value: 0.15, say: Play.percent,
      onchange: (v) => { state.p = v; change(() => {})(); },
    });
    const widget = {
      paint,
      show() {
        clean = Play.fromHex(state.x || data.picture, size);
        state.J = Math.min(2.5, Math.max(0, state.J));
        state.p = Math.min(0.49, Math.max(0.01, state.p));
        state.k = Math.min(size - 1, Math.max(0, Math.round(state.k)));
        J.set(state.J);
        p.set(state.p);
        begin(Math.min(1000, Math.max(0, Math.round(state.n))));
        paint();
      },
    };
    stage.append(
      el("div", { class: "buttons" }, runner.button,
        Play.button("One sweep", () => { sweep(); state.set({ n: state.n + 1 }); paint(); }),
        Play.button("Other noise", change(() => { state.seed += 1; })),
        Play.button("White page", change(() => { clean.fill(0); state.x = Play.toHex(clean); })),
        Play.button("The real picture", change(() => { clean = Play.fromHex(data.picture, size); state.x = ""; }))),
      J, el("p", { class: "note" }, `harmonium, learning from the real picture alone, finds a coupling of ${say(data.learned)}.`), p,
      el("div", { class: "frames" }, ...frames),
      el("div", { class: "two uneven" }, factor, told));
    return widget;
  },
});
