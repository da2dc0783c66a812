// A critic's words: the die of the next word, sentences with blanks, and Bayes' rule.

Play.widgets.push({
  name: "words",
  first: { critic: "liked", said: "", seed: 1, text: "a ___ film that is ___ ." },
  start(stage, data, state) {
    const { el, say, percent } = Play;
    const critics = Object.fromEntries(["liked", "disliked"].map((name) =>
      [name, new Play.Chain(data.words, data[name])]));
    const longest = 25;
    const chain = () => critics[state.critic];
    const named = (w) => (w === 2 ? "(the end)" : data.words[w]);
    /** Words as a text is printed: marks stand close to the word before them. */
    const written = (numbers) => spoken(numbers).replace(/ ([,.!?;:)])/g, "$1");
    const spoken = (numbers) => numbers.map((w) => data.words[w]).join(" ");

    /** Known words after these, the likeliest first, and their shares of the die. */
    const die = (numbers) => {
      const [v, u] = [numbers.at(-1) ?? 1, numbers.length ? numbers.at(-2) ?? 1 : -1];
      const row = chain().row(u, v);
      const known = 1 - row[0];
      return Array.from(row, (p, w) => [w, p / known]).slice(2).sort((a, b) => b[1] - a[1]);
    };
    const throwDie = (faces, at) => {
      let left = at;
      for (const [w, p] of faces) if ((left -= p) < 0) return w;
      return faces.at(-1)[0];
    };
    const said = () => chain().read(state.said).filter((w) => w > 2);
    const ended = () => state.said.endsWith("|");
    /** The number that was thrown for the word at a place: the same for the same seed. */
    const thrown = (place) => Play.generator(state.seed * 1000 + place)();
    let last = null;

    const choose = (w, at = null) => {
      const now = said();
      last = at;
      state.set({ said: w === 2 || now.length >= longest ? `${state.said}|` : spoken([...now, w]) });
      paint();
    };
    const roll = () => {
      if (ended()) { last = null; state.set({ said: "", seed: state.seed + 1 }); }
      const now = said();
      const at = thrown(now.length);
      choose(throwDie(die(now), at), at);
    };

    const line = el("p", { class: "said", "aria-live": "polite" });
    const greedyLine = el("p", { class: "said faint" });
    const product = el("p", { class: "note" });
    const strip = el("div", { class: "strip", "aria-hidden": "true" });
    const list = el("div", { class: "faces" });
    const shades = ["c1", "c2", "c3", "c4"];

    const paintDie = () => {
      const now = said();
      line.textContent = `${written(now) || "…"}${ended() ? " (the end)" : ""}`;
      let greedy = [];
      for (let k = 0; k < longest; k++) {
        const [[w]] = die(greedy);
        if (w === 2) break;
        greedy.push(w);
      }
      greedyLine.textContent = written(greedy);
      const chances = [...now, ...(ended() && now.length < longest ? [2] : [])].map((w, k, whole) =>
        die(whole.slice(0, k)).find(([other]) => other === w)[1]);
      product.textContent = chances.length
        ? `Chance of these rolls: ${chances.map((p) => say(p, 3)).join(" × ")} = ${say(chances.reduce((a, b) => a * b), 6)}` : "";
      const faces = die(now);
      const shown = faces.slice(0, 12);
      strip.replaceChildren(
        ...faces.slice(0, 40).map(([w, p], k) =>
          el("span", { style: `width:${100 * p}%;background:var(--${shades[k % 4]})` }, p > 0.07 ? named(w) : "")),
        el("span", { class: "rest" }),
        ...(last === null ? [] : [el("i", { style: `left:${100 * last}%` })]));
      list.replaceChildren(...shown.map(([w, p]) =>
        Play.button("", () => choose(w), { class: "face", "aria-label": `${named(w)}, ${percent(p)}` })));
      shown.forEach(([w, p], k) => list.children[k].append(
        el("b", {}, named(w)),
        el("span", { class: "track" }, el("i", { class: "bar", style: `width:${100 * p / shown[0][1]}%` })),
        el("span", { class: "number" }, percent(p))));
    };

    const box = el("input", {
      type: "text", spellcheck: "false", autocomplete: "off", "aria-label": "a sentence; ___ is a blank", maxlength: 300,
      oninput: () => {
        state.set({ text: box.value });
        clearTimeout(waiting);
        waiting = setTimeout(paintText, 120);
      },
    });
    let waiting;
    const ranked = el("div", { class: "frames" });
    const scores = el("table", { class: "numeric scores" });
    const verdict = el("div", { class: "verdict" });
    const note = el("p", { class: "note" });

    const paintText = () => {
      const words = chain().read(state.text);
      const nBlanks = words.filter((w) => w < 0).length;
      if (!words.length || words.length > 60 || nBlanks > 4) {
        note.textContent = words.length
          ? "At most 60 words and four blanks, please." : "Write a sentence; ___ (or two or more low lines) is a blank.";
        for (const one of [ranked, scores, verdict]) one.replaceChildren();
        return;
      }
      const found = {
        liked: critics.liked.fill(words), disliked: critics.disliked.fill(words),
      };
      const own = found[state.critic];
      ranked.replaceChildren(...own.blanks.map((p, k) => {
        const best = Array.from(p, (x, w) => [w, x]).sort((a, b) => b[1] - a[1]).slice(0, 6);
        return Play.framed(`Blank ${k + 1}`, el("ol", { class: "ranked" },
          ...best.map(([w, x]) => el("li", {}, el("b", {}, data.words[w]), ` ${percent(x)}`))));
      }));
      const what = nBlanks ? "with any words in the blanks" : "of the sentence";
      scores.replaceChildren(
        Play.row(["", `log P ${what}`, "P"], "th"),
        ...["liked", "disliked"].map((name) => Play.row([
          `the critic who ${name} films`, say(found[name].logP, 3), say(Math.exp(found[name].logP), 3)])));
      const liked = Play.sigmoid(found.liked.logP - found.disliked.logP);
      verdict.replaceChildren(
        el("p", {}, el("b", {}, `P(liked it given the sentence) = ${percent(liked)}`)),
        el("div", { class: "versus" }, el("span", { style: `width:${100 * liked}%` })));
      const strange = words.filter((w) => w === 0).length;
      note.textContent = strange
        ? `${strange} ${strange === 1 ? "word is" : "words are"} not among the ${data.words.length - 3} known, and scored as “some other word”.` : "";
    };
    const paint = () => {
      choice.set(state.critic);
      paintDie();
      paintText();
    };
    const choice = Play.choice("whose words", [["liked", "Who liked films"], ["disliked", "Who did not"]], (critic) => {
      last = null;
      state.set({ critic, said: "" });
      paint();
    });
    const widget = {
      paint,
      show() {
        if (!Object.hasOwn(critics, state.critic)) state.critic = "liked";
        last = null;
        box.value = state.text;
        paint();
      },
    };
    stage.append(
      el("h3", {}, "The die of the next word"), choice,
      line, product,
      el("div", { class: "buttons" },
        Play.button("Roll", roll, { class: "main" }),
        Play.button("Roll to the end", () => {
          roll();
          for (let k = 0; k < longest && !ended(); k++) roll();
        }),
        Play.button("Likeliest word", () => !ended() && choose(die(said())[0][0])),
        Play.button("Take one back", () => {
          last = null;
          state.set({ said: ended() ? state.said.slice(0, -1) : spoken(said().slice(0, -1)) });
          paint();
        }),
        Play.button("Begin again", () => { last = null; state.set({ said: "", seed: state.seed + 1 }); paint(); })),
      strip, list,
      el("p", { class: "note" }, "Always the likeliest word says the same thing every time:"), greedyLine,
      el("h3", {}, "A sentence, with blanks if you like"), box, note, ranked,
      el("div", { class: "two" }, scores, verdict));
    return widget;
  },
});
