// Factors, Z, energy: the worked network of three visible and two hidden variables.

/** All states of a network, first variable slowest, with their products, energies, probabilities. */
Play.solve = ({ variables, factors }, temperature = 1) => {
  const n = variables.length;
  const states = Array.from({ length: 2 ** n }, (_, s) =>
    variables.map((_, i) => (s >> (n - 1 - i)) & 1));
  const places = factors.map(({ names }) => names.map((name) => variables.indexOf(name)));
  const cells = states.map((state) =>
    places.map((at) => at.reduce((cell, i) => 2 * cell + state[i], 0)));
  const energies = cells.map((used) =>
    -Play.sum(used.map((cell, f) => Math.log(factors[f].table[cell]))));
  const products = cells.map((used) => used.reduce((p, cell, f) => p * factors[f].table[cell], 1));
  const weights = energies.map((e) => (e === Infinity ? -Infinity : -e / temperature));
  return { states, cells, energies, products, logZ: Play.logSumExp(weights), p: Play.softmax(weights) };
};

Play.widgets.push({
  name: "factors",
  first: { t: "", T: 0, s: 3 },
  start(stage, data, state) {
    const { el, say, percent } = Play;
    const network = { variables: data.variables, factors: [] };
    const inputs = [];

    /** Zero, or neither so large nor so small that products of eleven are out of reach. */
    const fitting = (x) => x === 0 || (x >= 1e-6 && x <= 1e6);
    const change = () => {
      const said = network.factors.flatMap(({ table }) => table).join("_");
      state.set({ t: said === given ? "" : said });
      paint();
    };
    const given = data.factors.flatMap(({ table }) => table).join("_");
    const field = (f, cell) => {
      const names = data.factors[f].names;
      const at = names.map((name, i) => `${name}=${(cell >> (names.length - 1 - i)) & 1}`).join(", ");
      const input = el("input", {
        type: "number", min: 0, step: "any", inputmode: "decimal", "aria-label": `factor at ${at}`,
        oninput: () => {
          const value = Number(input.value);
          const wrong = input.value === "" || !fitting(value);
          input.setAttribute("aria-invalid", String(wrong));
          if (wrong) return;
          network.factors[f].table[cell] = value;
          change();
        },
      });
      inputs.push({ input, f, cell });
      return input;
    };
    const card = (f) => {
      const [a, b] = data.factors[f].names;
      if (!b)
        return el("table", { class: "factor" }, el("caption", {}, a),
          Play.row(["0", "1"], "th"), Play.row([field(f, 0), field(f, 1)]));
      return el("table", { class: "factor" }, el("caption", {}, `${a} and ${b}`),
        Play.row(["", `${b}=0`, `${b}=1`], "th"),
        Play.row([el("b", {}, `${a}=0`), field(f, 0), field(f, 1)]),
        Play.row([el("b", {}, `${a}=1`), field(f, 2), field(f, 3)]));
    };
    const cards = el("div", { class: "cards" }, ...data.factors.map((_, f) => card(f)));

    const heat = Play.slider({
      name: "temperature", min: -1.5, max: 2, step: 0.05, value: 0,
      say: (x) => say(10 ** x), onchange: (T) => { state.set({ T }); paint(); },
    });
    const again = Play.button("Tables as they were", () => { state.set({ t: "", T: 0 }); widget.show(); });
    const even = Play.button("All factors 1", () => {
      state.set({ t: data.factors.flatMap(({ table }) => table.map(() => 1)).join("_") });
      widget.show();
    });

    const body = el("tbody", {
      onkeydown: (event) => {
        const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!move) return;
        event.preventDefault();
        state.set({ s: Math.min(31, Math.max(0, state.s + move)) });
        paint();
        body.children[state.s].focus();
      },
    });
    const rows = Array.from({ length: 32 }, (_, s) => {
      const bar = el("i", { class: "bar" });
      const cells = ["", "", "", ""].map((_, k) => (k === 3 ? el("td", { class: "share" }, bar, el("span")) : el("td")));
      const row = el("tr", { onclick: () => { state.set({ s }); paint(); } }, ...cells);
      body.append(row);
      return { row, cells, bar };
    });
    const table = el("table", { class: "states numeric", role: "grid" },
      el("thead", {}, Play.row(["v₁v₂v₃ h₁h₂", "product", "energy", "probability"], "th")), body);
    const answer = el("div", { class: "answer", "aria-live": "polite" });

    const written = (p) => (p >= 1e15 ? say(p) : p.toLocaleString("en", { maximumFractionDigits: 3 }));
    const paint = () => {
      const temperature = 10 ** state.T;
      const found = Play.solve(network, temperature);
      const top = Math.max(...found.p);
      rows.forEach(({ row, cells, bar }, s) => {
        const bits = found.states[s].join("");
        cells[0].textContent = `${bits.slice(0, 3)} ${bits.slice(3)}`;
        cells[1].textContent = written(found.products[s]);
        cells[2].textContent = say(found.energies[s]);
        cells[3].lastChild.textContent = percent(found.p[s]);
        bar.style.width = `${(100 * found.p[s]) / top || 0}%`;
        row.tabIndex = s === state.s ? 0 : -1;
        row.setAttribute("aria-selected", String(s === state.s));
      });
      for (const { input, f, cell } of inputs)
        input.classList.toggle("used", found.cells[state.s][f] === cell);
      const z = Play.sum(found.products);
      if (z === 0) {
        Play.tell(answer, el("p", {}, el("b", {}, "Z = 0: every state meets a factor of 0, and none has a probability.")));
        return;
      }
      const chosen = found.states[state.s];
      const [v, h] = [chosen.slice(0, 3).join(""), chosen.slice(3).join("")];
      const sameV = Play.sum(found.p.filter((_, s) => found.states[s].slice(0, 3).join("") === v));
      const used = found.cells[state.s].map((cell, f) => network.factors[f].table[cell]).join(" × ");
      const told = [
        el("p", {}, `Product for V=${v}, H=${h}: ${used} = ${written(found.products[state.s])}`),
        el("p", {}, `Z = ${written(z)}, log Z = ${say(Math.log(z), 3)}`),
        temperature === 1
          ? el("p", {}, el("b", {}, `P = ${written(found.products[state.s])} / ${written(z)} = ${say(found.p[state.s], 4)}`))
          : el("p", {}, el("b", {}, `At temperature ${say(temperature)}: P = ${say(found.p[state.s], 4)}`)),
        el("p", {}, `P(V=${v}) = ${say(sameV, 4)}; P(H=${h} given V=${v}) = ${say(sameV ? found.p[state.s] / sameV : NaN, 4)}`),
      ];
      Play.tell(answer, ...told);
    };
    const widget = {
      paint,
      show() {
        const said = state.t.split("_").map(Number);
        const fits = said.length === inputs.length && said.every(fitting);
        let k = 0;
        network.factors = data.factors.map(({ names, table }) => ({
          names, table: table.map((x) => { const at = k++; return fits ? said[at] : x; }),
        }));
        for (const { input, f, cell } of inputs) {
          input.value = network.factors[f].table[cell];
          input.setAttribute("aria-invalid", "false");
        }
        state.s = Math.min(31, Math.max(0, Math.round(state.s)));
        heat.set(state.T);
        paint();
      },
    };
    stage.append(el("div", { class: "two" },
      el("div", {}, cards, heat, el("div", { class: "buttons" }, again, even), answer),
      el("div", { class: "scroll tall", tabindex: 0 }, table)));
    return widget;
  },
});
