/* The map of the photos: draws the photos of a case, and follows the form.

   The data file beside it calls veilleCarte({…}) (evaluation/report/pages/image_map.py says what
   is in it). The state is in the address's fragment, in the explorer's own words. Whatever
   fails, the still figure stays. */
(() => {
  "use strict";

  const PAGE = 60; // photos listed at a time
  const NEAR = 14; // pixels from a point within which it is meant
  const WIDEST = 200; // pixels of a name
  const root = document.querySelector(".v-plane:not([data-ready])");
  if (!root) return;
  root.dataset.ready = "";
  const one = (selector) => root.querySelector(selector);
  const form = one("form");
  const [body, plot, card, fold, list, more, count] = [
    ".v-plane__body", ".v-plane__plot", ".v-plane__card", ".v-plane__fold", ".v-plane__list",
    ".v-plane__more", ".v-plane__count",
  ].map(one);
  const field = (name) => form.elements.namedItem(name);
  const lang = document.documentElement.lang || "fr";
  const whole = new Intl.NumberFormat(lang);
  const percent = new Intl.NumberFormat(lang, { style: "percent", maximumFractionDigits: 0 });

  const node = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const failed = () => {
    root.classList.add("v-plane--failed");
    const notice = document.createElement("p");
    notice.className = "v-withheld";
    notice.textContent = root.dataset.failed;
    root.prepend(notice);
  };
  // The data file itself, when it cannot be had.
  window.addEventListener("error", (event) => { if (event.target.tagName === "SCRIPT") failed(); }, true);

  window.veilleCarte = (data) => {
    const number = data.ids.length;
    const base = new URL(".", location.href).href;
    const ring = node("circle", { class: "v-plane__ring", r: 11 });
    let shown = [];
    let spots = [];
    let listed = 0;
    let looked = -1;

    const read = () => {
      const state = new URLSearchParams(location.hash.slice(1));
      const at = data.cases.findIndex((it) => it.id === state.get("cas"));
      field("cas").value = String(at < 0 ? root.dataset.chosen : at);
      const label = data.classes.indexOf(state.get("vrai"));
      field("vrai").value = label < 0 ? "" : String(label);
      field("verdict").value = ["juste", "faux"].includes(state.get("verdict")) ? state.get("verdict") : "";
    };
    const write = () => {
      const parts = [];
      if (field("cas").value !== root.dataset.chosen) parts.push(["cas", current().id]);
      if (field("vrai").value) parts.push(["vrai", data.classes[field("vrai").value]]);
      if (field("verdict").value) parts.push(["verdict", field("verdict").value]);
      const hash = parts.map(([key, text]) => `${key}=${encodeURIComponent(text)}`).join("&");
      history.replaceState(null, "", `${location.pathname}${location.search}${hash ? `#${hash}` : ""}`);
    };
    // Places of names are made for heights and least widths: HEIGHTS and LEAST of kit/scatter.py.
    const narrowly = () => plot.clientWidth < 520;
    const current = () => data.cases[Number(field("cas").value)];
    const right = (at) => current().predicted[at] === data.labels[at];
    const address = (at) => `${root.dataset.explorer}#id=${encodeURIComponent(data.ids[at])}`;
    const verdict = (at) =>
      `${right(at) ? "✓" : "✗"} ${data.classes[current().predicted[at]]} (${percent.format(current().sure[at])})`;

    const look = (at) => {
      if (at === looked) return;
      looked = at;
      const figure = card.querySelector("figure");
      card.querySelector(".v-plane__hint").hidden = true;
      figure.hidden = false;
      if (data.photos.length) {
        const image = figure.querySelector("img") ?? document.createElement("img");
        figure.prepend(image);
        image.src = base + data.photos[at].split("/").map(encodeURIComponent).join("/");
        image.alt = data.titles[at];
      }
      figure.querySelector("strong").textContent = data.titles[at];
      figure.querySelector("span").textContent = `${data.classes[data.labels[at]]}\n${verdict(at)}`;
      figure.querySelector("a").href = address(at);
      ring.setAttribute("transform", `translate(${placed(current().points[at])})`);
      plot.firstChild.append(ring);
    };

    const row = (at) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = address(at);
      link.textContent = data.titles[at];
      link.addEventListener("focus", () => look(at));
      link.addEventListener("mouseenter", () => look(at));
      const said = document.createElement("small");
      said.textContent = ` ${data.classes[data.labels[at]]} · ${verdict(at)}`;
      item.append(link, said);
      return item;
    };
    const unroll = () => {
      list.append(...shown.slice(listed, listed + PAGE).map(row));
      listed = Math.min(listed + PAGE, shown.length);
      more.hidden = listed >= shown.length;
    };

    const sift = () => {
      const label = field("vrai").value;
      const wanted = field("verdict").value;
      shown = [];
      for (let at = 0; at < number; at += 1) {
        if (label !== "" && data.labels[at] !== Number(label)) continue;
        if (wanted && right(at) !== (wanted === "juste")) continue;
        shown.push(at);
      }
      count.textContent = root.dataset.count
        .replace("{shown}", whole.format(shown.length))
        .replace("{total}", whole.format(number));
      list.replaceChildren();
      listed = 0;
      unroll();
      draw();
    };

    // The plot is drawn in pixels: room on its left and below for the titles of the axes.
    const size = () => [Math.max(200, plot.clientWidth - 32), narrowly() ? 360 : 460];
    const placed = ([x, y]) => {
      const [[width, height], it] = [size(), current()];
      return [
        (width * (x - it.x[0])) / (it.x[1] - it.x[0]),
        (height * (it.y[1] - y)) / (it.y[1] - it.y[0]),
      ].map((pixels) => Math.round(pixels * 100) / 100);
    };
    const sign = (label, right, place = [0, 0]) => node("path", {
      d: data.shapes[label % data.shapes.length],
      stroke: data.colours[label % data.colours.length],
      fill: right ? data.colours[label % data.colours.length] : "transparent",
      transform: `translate(${place}) scale(3.9)`,
    });

    /* A name stands at its level, within the plot; what is longer than its room is cut. */
    const write_name = (svg, place, level, label) => {
      const name = node("text", { y: level + 4, "font-weight": "bold" }, label);
      svg.append(node("path", { class: "v-plane__leader", d: `M${place}V${level}` }), name);
      for (let end = label.length - 1; name.getComputedTextLength() > WIDEST; end -= 1) {
        name.textContent = `${label.slice(0, end)}…`;
      }
      const half = name.getComputedTextLength() / 2;
      name.setAttribute("x", Math.min(Math.max(place[0], half), size()[0] - half));
    };

    const draw = () => {
      const [[width, height], it] = [size(), current()];
      spots = shown.map((at) => placed(it.points[at]));
      const crosses = it.texts.map(([, x, y]) => `M${placed([x, y])}m-5,-5l10,10m-10,0l10,-10`);
      const grid = [1, 2, 3, 4].map((part) =>
        `M${(width * part) / 5},0v${height}M0,${(height * part) / 5}h${width}`);
      const svg = node(
        "svg", { viewBox: `-24 -8 ${width + 32} ${height + 34}`, "aria-hidden": "true" },
        node("path", { class: "v-plane__grid", d: grid.join("") }),
        node("text", { x: width / 2, y: height + 20 }, it.titles[0]),
        node("text", { transform: `translate(-10,${height / 2}) rotate(-90)` }, it.titles[1]),
        node("g", { class: "v-plane__points" },
          ...shown.map((at, place) => sign(data.labels[at], right(at), spots[place]))),
        node("path", { class: "v-plane__cross", d: crosses.join("") }),
      );
      const legend = document.createElement("ul");
      legend.className = "v-keys";
      legend.setAttribute("aria-hidden", "true");
      // Past that many classes the signs repeat: the form tells them apart, a legend does not.
      if (data.classes.length <= data.shapes.length * data.colours.length) {
        legend.append(...data.classes.map((name, label) => {
          const item = document.createElement("li");
          const key = { class: "v-plane__sign", viewBox: "-6 -6 12 12" };
          item.append(node("svg", key, sign(label, true)), name);
          return item;
        }));
      }
      plot.replaceChildren(svg, legend);
      for (const [label, x, y, wide, narrow] of it.texts) {
        const level = narrowly() ? narrow : wide;
        if (level !== null) write_name(svg, placed([x, y]), placed([x, level])[1], data.classes[label]);
      }
      looked = -1;
    };

    /* The photo nearest to the pointer, if it is near: a dot is less than a finger. */
    const meant = (event) => {
      const box = plot.firstChild.getBoundingClientRect();
      const pointer = [event.clientX - box.left - 24, event.clientY - box.top - 8];
      const far = spots.map(([x, y]) => Math.hypot(x - pointer[0], y - pointer[1]));
      const nearest = far.reduce((best, distance, place) => (distance < far[best] ? place : best), 0);
      return far[nearest] < NEAR ? shown[nearest] : -1;
    };
    plot.addEventListener("pointermove", (event) => {
      const at = meant(event);
      plot.classList.toggle("v-plane__plot--meant", at >= 0);
      if (at >= 0) look(at);
    });
    plot.addEventListener("click", (event) => {
      const at = meant(event);
      if (at < 0) return;
      // A finger has not seen the photo yet: the first touch shows it, its link opens it.
      if (event.pointerType === "touch") look(at);
      else location.href = address(at);
    });

    read();
    form.hidden = body.hidden = fold.hidden = false;
    form.addEventListener("change", () => { write(); sift(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", unroll);
    window.addEventListener("hashchange", () => { read(); sift(); });
    let width = plot.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(plot.clientWidth - width) < 2) return;
      width = plot.clientWidth;
      draw();
    }).observe(plot);
    try {
      sift();
    } catch {
      form.hidden = body.hidden = fold.hidden = true;
      failed();
    }
  };
})();
