// Line charts in SVG: a few series, a reference line, linear or logarithmic axes.

/** Round values between two ends, about `n` of them. */
Play.ticks = (low, high, n = 4) => {
  const raw = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const found = [];
  for (let x = Math.ceil(low / step - 1e-9) * step; x <= high + step * 1e-9; x += step)
    found.push(Math.abs(x) < step * 1e-9 ? 0 : x);
  return found;
};

/**
 * A chart as an element with `show({series, rules, x, y})`.
 *
 * series: [{name, colour, points: [[x, y]], thin, dots}], rules: [{y, name}], x and y:
 * {low, high, log}. Colours are names of the page's colours.
 */
Play.chart = ({ name, xName, yName, height = 220 }) => {
  const width = 460;
  const [left, right, top, bottom] = [52, 14, 12, 40];
  const figure = Play.el("figure", { class: "chart" });
  const short = (v) =>
    Math.abs(v) >= 1000 ? `${+(v / 1000).toPrecision(3)}k` : String(+v.toPrecision(3)).replace("-", "−");

  const axis = ({ low, high, log }, from, to) => {
    const f = log ? Math.log10 : (v) => v;
    const [a, b] = [f(low), f(high)];
    const at = (v) => from + ((f(v) - a) / (b - a || 1)) * (to - from);
    let marks = Play.ticks(low, high);
    if (log) {
      marks = [];
      for (let p = Math.ceil(a - 1e-9); p <= b + 1e-9; p++) marks.push(10 ** p);
    }
    return { at, marks };
  };

  const show = ({ series, rules = [], x, y }) => {
    const across = axis(x, left, width - right);
    const up = axis(y, height - bottom, top);
    const clip = (v) => Math.min(height - bottom, Math.max(top, v));
    const parts = [];
    for (const v of across.marks)
      parts.push(Play.el("text", { x: across.at(v), y: height - bottom + 16, class: "tick middle" }, short(v)));
    for (const v of up.marks) {
      const at = up.at(v);
      parts.push(Play.el("line", { x1: left, x2: width - right, y1: at, y2: at, class: "grid" }));
      parts.push(Play.el("text", { x: left - 6, y: at + 4, class: "tick end" }, short(v)));
    }
    parts.push(Play.el("text", { x: (left + width - right) / 2, y: height - 6, class: "axis middle" }, xName));
    parts.push(Play.el("text", {
      x: 0, y: 0, class: "axis middle", transform: `translate(12 ${(top + height - bottom) / 2}) rotate(-90)`,
    }, yName));
    for (const rule of rules) {
      const at = clip(up.at(rule.y));
      parts.push(Play.el("line", { x1: left, x2: width - right, y1: at, y2: at, class: "rule" }));
    }
    for (const line of series) {
      const spots = line.points
        .filter(([, v]) => Number.isFinite(v) && (!y.log || v > 0))
        .map(([u, v]) => [across.at(u), clip(up.at(v))]);
      if (!spots.length) continue;
      const d = spots.map(([u, v], i) => `${i ? "L" : "M"}${u.toFixed(1)} ${v.toFixed(1)}`).join("");
      const style = `stroke: var(--${line.colour})`;
      parts.push(Play.el("path", { d, style, class: line.thin ? "line thin" : "line" }));
      if (line.dots)
        for (const [cx, cy] of spots)
          parts.push(Play.el("circle", { cx, cy, r: 2.6, style: `fill: var(--${line.colour})` }));
    }
    const named = [...series, ...rules].filter((one) => one.name);
    const legend = Play.el("figcaption", {}, ...named.map((one) =>
      Play.el("span", {}, Play.el("i", {
        class: one.points ? "key" : "key rule", style: one.points ? `background: var(--${one.colour})` : "",
      }), one.name)));
    const svg = Play.el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, ...parts);
    figure.replaceChildren(svg, legend);
  };
  return { element: figure, show };
};
