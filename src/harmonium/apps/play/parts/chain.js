// A chain over words with back-off: P(w | u, v) is listed, or a share of P(w | v), and so on down.

/** Numbers of two bytes each, the lower one first. */
Play.shorts = (text) => {
  const bytes = Play.bytes(text);
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes[2 * i] + 256 * bytes[2 * i + 1]);
};

/**
 * Words are numbers: 0 <unk>, 1 <s>, 2 </s>, 3 and above words. A code q stands for a probability
 * of 10^(-q/50). What the listed words leave goes to the shorter context, so that sums are one.
 */
Play.Chain = class {
  constructor(words, { unigrams, bigrams, trigrams }) {
    this.words = words;
    this.numbers = new Map(words.map((word, w) => [word, w]));
    const n = (this.n = words.length);
    const p = (q) => 10 ** (-q / 50);
    this.p1 = Float64Array.from(Play.bytes(unigrams), (q, w) => (w < 2 ? 0 : p(q)));
    this.p1[0] = 1 - Play.sum(this.p1);
    this.after1 = new Map();
    this.after2 = new Map();
    const read = ({ contexts, sizes, words: listed, codes }, width, lower, into) => {
      const [c, s, w, q] = [Play.shorts(contexts), Play.shorts(sizes), Play.shorts(listed), Play.bytes(codes)];
      let at = 0;
      s.forEach((size, k) => {
        const context = c.slice(k * width, (k + 1) * width);
        const found = new Map();
        for (const end = at + size; at < end; at++) found.set(w[at], p(q[at]));
        let [left, below] = [1, 1];
        for (const [word, x] of found) {
          left -= x;
          below -= lower(word, context);
        }
        into.set(context.reduce((key, word) => key * n + word, 0), { context, found, share: left / below });
      });
    };
    read(bigrams, 1, (w) => this.p1[w], this.after1);
    read(trigrams, 2, (w, [, v]) => this.prob1(w, v), this.after2);
  }

  /** P(w after v). */
  prob1(w, v) {
    const context = this.after1.get(v);
    return context ? context.found.get(w) ?? context.share * this.p1[w] : this.p1[w];
  }

  /** P(w after u, v); u is -1 where v begins the text. */
  prob(w, u, v) {
    const context = u < 0 ? undefined : this.after2.get(u * this.n + v);
    return context ? context.found.get(w) ?? context.share * this.prob1(w, v) : this.prob1(w, v);
  }

  /** P of every word after u, v. */
  row(u, v) {
    return Float64Array.from({ length: this.n }, (_, w) => this.prob(w, u, v));
  }

  /** Numbers of the words of a text, its marks taken off them; blanks, "___", are -1. */
  read(text) {
    const found = [];
    for (const part of text.toLowerCase().replaceAll("’", "'").split(/\s+/)) {
      const known = this.numbers.get(part);
      const pieces = known > 2
        ? [part] : part.match(/_{2,}|[\p{L}\p{N}]+(?:['-][\p{L}\p{N}]+)*|[^\p{L}\p{N}_]/gu) || [];
      for (const word of pieces) {
        const number = this.numbers.get(word);
        found.push(word[0] === "_" ? -1 : number > 2 ? number : 0);
      }
    }
    return found;
  }

  /** log P of a whole text of known numbers, its end included. */
  logP(numbers) {
    let [u, v, log] = [-1, 1, 0];
    for (const w of [...numbers, 2]) {
      log += Math.log(this.prob(w, u, v));
      [u, v] = [v, w];
    }
    return log;
  }

  /**
   * A text with blanks (-1): {logP, blanks}: log P with every word in the blanks summed over, and
   * for each blank P(word here given the rest), exactly, by sums forward and backward.
   */
  fill(numbers) {
    const every = Array.from({ length: this.n - 3 }, (_, i) => i + 3);
    const allowed = [[1], ...numbers.map((w) => (w < 0 ? every : [w])), [2]];
    const spots = allowed.map((words) => {
      const at = new Map(words.map((w, k) => [w, k]));
      return (w) => at.get(w) ?? -1;
    });
    const contexts = [...this.after2.values()];
    const last = allowed.length - 1;
    // before[i](a, b): P of all up to place i, with a at i - 1 and b at i; after[i](a, b): P of
    // all beyond i given these. Tables run along a, then b.
    const before = [null, Float64Array.from(allowed[1], (w) => this.prob(w, -1, 1))];
    for (let i = 2; i <= last; i++) before.push(this.forward(before[i - 1], i, allowed, spots, contexts));
    const after = [];
    after[last] = new Float64Array(allowed[last - 1].length).fill(1);
    for (let i = last - 1; i >= 1; i--) after[i] = this.backward(after[i + 1], i, allowed, spots, contexts);
    const whole = Play.sum(before[last]);
    const blanks = [];
    numbers.forEach((w, k) => {
      if (w >= 0) return;
      const i = k + 1;
      const found = new Float64Array(this.n);
      const [A, B] = [allowed[i - 1].length, allowed[i]];
      for (let a = 0; a < A; a++)
        B.forEach((word, b) => (found[word] += before[i][a * B.length + b] * after[i][a * B.length + b] / whole));
      blanks.push(found);
    });
    return { logP: Math.log(whole), blanks };
  }

  forward(from, i, allowed, spots, contexts) {
    const [A, B, C] = [allowed[i - 2], allowed[i - 1], allowed[i]];
    const held = new Float64Array(B.length); // mass at b that backs off to P(c | b)
    for (let a = 0; a < A.length; a++) for (let b = 0; b < B.length; b++) held[b] += from[a * B.length + b];
    const to = new Float64Array(B.length * C.length);
    const listed = [];
    for (const { context: [u, v], found, share } of contexts) {
      const [a, b] = [spots[i - 2](u), spots[i - 1](v)];
      if (a < 0 || b < 0) continue;
      const mass = from[a * B.length + b];
      held[b] += mass * (share - 1);
      listed.push({ b, v, found, share, mass });
    }
    B.forEach((v, b) => this.spread(to, b * C.length, v, C, spots[i], held[b]));
    for (const { b, v, found, share, mass } of listed)
      for (const [w, p] of found) {
        const c = spots[i](w);
        if (c >= 0) to[b * C.length + c] += mass * (p - share * this.prob1(w, v));
      }
    return to;
  }

  backward(next, i, allowed, spots, contexts) {
    const [A, B, C] = [allowed[i - 1], allowed[i], allowed[i + 1]];
    const row = new Float64Array(C.length);
    const base = Float64Array.from(B, (v, b) => {
      row.fill(0);
      this.spread(row, 0, v, C, spots[i + 1], 1);
      let sum = 0;
      for (let c = 0; c < C.length; c++) sum += row[c] * next[b * C.length + c];
      return sum;
    });
    const to = new Float64Array(A.length * B.length);
    for (let a = 0; a < A.length; a++) to.set(base, a * B.length);
    for (const { context: [u, v], found, share } of contexts) {
      const [a, b] = [spots[i - 1](u), spots[i](v)];
      if (a < 0 || b < 0) continue;
      let sum = share * base[b];
      for (const [w, p] of found) {
        const c = spots[i + 1](w);
        if (c >= 0) sum += (p - share * this.prob1(w, v)) * next[b * C.length + c];
      }
      to[a * B.length + b] = sum;
    }
    return to;
  }

  /** Adds mass times P(c | v) to a row of a table. */
  spread(to, offset, v, C, spot, mass) {
    if (!mass) return;
    const context = this.after1.get(v);
    const share = context ? context.share : 1;
    for (let c = 0; c < C.length; c++) to[offset + c] += mass * share * this.p1[C[c]];
    if (!context) return;
    for (const [w, p] of context.found) {
      const c = spot(w);
      if (c >= 0) to[offset + c] += mass * (p - share * this.p1[w]);
    }
  }
};
