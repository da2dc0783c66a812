// A board of cells on a canvas: pixels to draw on, hidden units to press, pictures to look at.

/** Colours of the page as it is now, light or dark, as [r, g, b]; asked for once a light. */
Play.palette = new Map();
Play.colour = (name) => {
  if (!Play.palette.has(name)) {
    const style = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    Play.palette.set(name, [1, 3, 5].map((i) => parseInt(style.slice(i, i + 2), 16)));
  }
  return Play.palette.get(name);
};

/** A colour of the page, as canvases take it. */
Play.ink = (name) => `rgb(${Play.colour(name).join(",")})`;

Play.mix = (from, to, share) => {
  const at = Math.min(1, Math.max(0, share));
  return `rgb(${from.map((x, i) => Math.round(x + (to[i] - x) * at)).join(",")})`;
};

/** A sheet of paper to pencil by a share in [0, 1]: also in the dark, black is black. */
Play.grey = (share) => Play.mix(Play.colour("sheet"), Play.colour("pencil"), share);

/** Blue below zero, orange above, paper at zero. */
Play.signed = (x, largest) =>
  Play.mix(Play.colour("paper"), Play.colour(x > 0 ? "c2" : "c1"), Math.abs(x) / (largest || 1));

/**
 * A board of `rows` x `cols` cells.
 *
 * paint(context, i, x, y, size): draws cell i.  pick(i, first, stroke): a cell is pressed, by
 * pointer (then along the whole stroke), by space or enter; without it the board is a picture.
 * look(i): the cursor or pointer is over cell i.  say(i): cell i in words, for those who hear it.
 */
Play.board = ({ rows, cols, name, paint, pick, look, say, size = 20, gap = 0 }) => {
  const pixels = 2; // sharp on dense screens
  const canvas = Play.el("canvas", {
    width: cols * size * pixels,
    height: rows * size * pixels,
    class: pick ? "board active" : "board",
    "aria-label": name,
    role: pick ? "application" : "img",
    ...(pick ? { tabindex: 0 } : {}),
  });
  canvas.style.maxWidth = `${cols * size}px`;
  const context = canvas.getContext("2d");
  context.scale(pixels, pixels);
  let cursor = 0;
  let focused = false;

  const show = () => {
    context.fillStyle = gap ? Play.ink("card") : Play.grey(0.12);
    context.fillRect(0, 0, cols * size, rows * size);
    for (let i = 0; i < rows * cols; i++) {
      const [x, y] = [(i % cols) * size, Math.floor(i / cols) * size];
      paint(context, i, x + gap / 2, y + gap / 2, size - gap);
    }
    if (focused) {
      context.strokeStyle = Play.ink("accent");
      context.lineWidth = 2.5;
      context.strokeRect((cursor % cols) * size + 1.2, Math.floor(cursor / cols) * size + 1.2,
        size - 2.4, size - 2.4);
    }
  };

  if (pick) {
    const told = () => canvas.setAttribute("aria-label", `${name}: ${say ? say(cursor) : cursor + 1}`);
    const under = (event) => {
      const box = canvas.getBoundingClientRect();
      const col = Math.floor(((event.clientX - box.left) / box.width) * cols);
      const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
      return col >= 0 && col < cols && row >= 0 && row < rows ? row * cols + col : -1;
    };
    let stroke = null;
    canvas.addEventListener("pointerdown", (event) => {
      const i = under(event);
      if (i < 0) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch {
        // a pointer that has gone already
      }
      stroke = {};
      cursor = i;
      pick(i, true, stroke);
      told();
    });
    canvas.addEventListener("pointermove", (event) => {
      const i = under(event);
      if (i < 0) return;
      if (look) look(i);
      if (stroke && i !== cursor) {
        cursor = i;
        pick(i, false, stroke);
      }
    });
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, () => (stroke = null));
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -cols, ArrowDown: cols };
      const col = cursor % cols;
      if (event.key in moves) {
        const stays = (event.key === "ArrowLeft" && col === 0)
          || (event.key === "ArrowRight" && col === cols - 1);
        const next = cursor + moves[event.key];
        if (!stays && next >= 0 && next < rows * cols) cursor = next;
        if (look) look(cursor);
      } else if (event.key === " " || event.key === "Enter") pick(cursor, true, {});
      else return;
      event.preventDefault();
      told();
      show();
    });
    canvas.addEventListener("focus", () => {
      focused = true;
      show();
    });
    canvas.addEventListener("blur", () => {
      focused = false;
      show();
    });
  }
  return { element: canvas, show };
};

/** Cells painted by a share of ink in [0, 1]; `mark(i)`: whether cell i is held fast. */
Play.inked = (share, mark) => (context, i, x, y, size) => {
  context.fillStyle = Play.grey(share(i));
  context.fillRect(x, y, size - 1, size - 1);
  if (mark && mark(i)) {
    context.strokeStyle = Play.ink("c2");
    context.lineWidth = 2;
    context.strokeRect(x + 1.5, y + 1.5, size - 4, size - 4);
  }
};

/**
 * Pictures of signed numbers, `cols` a row, painted once and kept: tiles(context, k, x, y, w, h)
 * paints number k. They are painted anew where the page has turned light or dark.
 */
Play.tiles = (pictures, cols, largest) => {
  let [kept, of] = [new Map(), ""];
  return (context, k, x, y, width, height) => {
    const colours = ["paper", "c1", "c2"].map(Play.ink).join();
    if (colours !== of) [kept, of] = [new Map(), colours];
    if (!kept.has(k)) {
      const [tile, rows] = [Play.el("canvas"), pictures[k].length / cols];
      Object.assign(tile, { width: cols, height: rows });
      const small = tile.getContext("2d");
      pictures[k].forEach((value, i) => {
        small.fillStyle = Play.signed(value, largest);
        small.fillRect(i % cols, Math.floor(i / cols), 1, 1);
      });
      kept.set(k, tile);
    }
    context.imageSmoothingEnabled = false;
    context.drawImage(kept.get(k), x, y, width, height);
  };
};

/** A small picture of signed numbers inside one cell of a board. */
Play.signedTile = (context, values, side, largest, x, y, size) => {
  const step = size / side;
  for (let k = 0; k < values.length; k++) {
    context.fillStyle = Play.signed(values[k], largest);
    context.fillRect(x + (k % side) * step, y + Math.floor(k / side) * step, step + 0.3, step + 0.3);
  }
};

/** A board with a heading above it and words below. */
Play.framed = (heading, board, words = "", kind = "") => {
  const note = Play.el("span", { class: "note" }, words);
  const frame = Play.el("div", { class: `framed ${kind}` },
    Play.el("b", {}, heading), board.element || board, note);
  frame.note = note;
  return frame;
};
