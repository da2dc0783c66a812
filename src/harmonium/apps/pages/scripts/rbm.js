// A restricted Boltzmann machine of units that are 0 or 1: P(v, h) = exp(v'Wh + b'v + c'h) / Z.

/** `W` is (n visible) x (m hidden), row by row; all in Float64Array. */
Play.Rbm = class {
  constructor(W, b, c) {
    [this.W, this.b, this.c] = [W, b, c];
    [this.n, this.m] = [b.length, c.length];
  }

  /** What hidden units receive: c + v W. */
  inputsHidden(v) {
    const inputs = this.c.slice();
    for (let i = 0; i < this.n; i++) {
      if (!v[i]) continue;
      for (let j = 0, k = i * this.m; j < this.m; j++, k++) inputs[j] += v[i] * this.W[k];
    }
    return inputs;
  }

  /** What visible units receive: b + W h. */
  inputsVisible(h) {
    const inputs = this.b.slice();
    for (let i = 0; i < this.n; i++)
      for (let j = 0, k = i * this.m; j < this.m; j++, k++) inputs[i] += h[j] * this.W[k];
    return inputs;
  }

  /** P(h_j = 1 given v). */
  hiddenGiven(v) {
    return this.inputsHidden(v).map(Play.sigmoid);
  }

  /** P(v_i = 1 given h). */
  visibleGiven(h) {
    return this.inputsVisible(h).map(Play.sigmoid);
  }

  /** log of the sum over h of exp(-E(v, h)), at inverse temperature beta. */
  logWeight(v, beta = 1) {
    let sum = 0;
    for (let i = 0; i < this.n; i++) if (v[i]) sum += beta * v[i] * this.b[i];
    for (const x of this.inputsHidden(v)) sum += Play.softplus(beta * x);
    return sum;
  }

  /** log of the sum over v of exp(-E(v, h)). */
  logWeightHidden(h) {
    let sum = 0;
    for (let j = 0; j < this.m; j++) if (h[j]) sum += this.c[j];
    for (const x of this.inputsVisible(h)) sum += Play.softplus(x);
    return sum;
  }

  /** log Z, by summing over all states of the hidden units: exact, 2^m terms. */
  logZ() {
    return Play.logSumExp(this.hiddenStates().map((h) => this.logWeightHidden(h)));
  }

  hiddenStates() {
    this.states ??= Array.from({ length: 2 ** this.m }, (_, s) =>
      Uint8Array.from({ length: this.m }, (_, j) => (s >> j) & 1));
    return this.states;
  }

  /** Exact means under the model: {vh: n x m, v, h, logZ}; 2^m terms. */
  moments() {
    const states = this.hiddenStates();
    const weights = states.map((h) => this.logWeightHidden(h));
    const logZ = Play.logSumExp(weights);
    const found = this.noMoments();
    states.forEach((h, s) => this.addMoments(found, this.visibleGiven(h), h, Math.exp(weights[s] - logZ)));
    return { ...found, logZ };
  }

  /** Means over rows of data, the hidden units taken as they are given the row. */
  momentsOf(rows) {
    const found = this.noMoments();
    for (const v of rows) this.addMoments(found, v, this.hiddenGiven(v), 1 / rows.length);
    return found;
  }

  noMoments() {
    return {
      vh: new Float64Array(this.n * this.m), v: new Float64Array(this.n), h: new Float64Array(this.m),
    };
  }

  addMoments(found, v, h, share) {
    for (let i = 0; i < this.n; i++) {
      const x = share * v[i];
      if (!x) continue;
      found.v[i] += x;
      for (let j = 0, k = i * this.m; j < this.m; j++, k++) found.vh[k] += x * h[j];
    }
    for (let j = 0; j < this.m; j++) found.h[j] += share * h[j];
  }

  /** The gradient of the mean log P(row), exactly: data half minus dream half. */
  gradient(rows) {
    const [data, dream] = [this.momentsOf(rows), this.moments()];
    const minus = (a, b) => a.map((x, i) => x - b[i]);
    return {
      data, dream, logZ: dream.logZ,
      W: minus(data.vh, dream.vh), b: minus(data.v, dream.v), c: minus(data.h, dream.h),
    };
  }

  /** Mean log P of rows, in nats; `logZ` where it is known already. */
  score(rows, logZ = this.logZ()) {
    return Play.mean(rows.map((v) => this.logWeight(v))) - logZ;
  }

  /** One sweep of Gibbs sampling at inverse temperature beta: hidden from v, then v in place. */
  sweep(v, random, beta = 1) {
    const h = this.inputsHidden(v).map((x) => (random() < Play.sigmoid(beta * x) ? 1 : 0));
    const inputs = this.inputsVisible(h);
    for (let i = 0; i < this.n; i++) v[i] = random() < Play.sigmoid(beta * inputs[i]) ? 1 : 0;
    return h;
  }
};
