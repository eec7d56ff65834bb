/* The map of the photos: fills the Vega program that the page brings, and follows the form.

   The data file beside it calls veilleCarte({…}) (evaluation/report/pages/image_map.py says what
   is in it). The state is in the address's fragment, in the explorer's own words. Whatever
   fails, the still figure stays. */
(() => {
  "use strict";

  const PAGE = 60; // photos listed at a time
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

  const failed = () => {
    root.classList.add("v-plane--failed");
    const notice = document.createElement("p");
    notice.className = "v-withheld";
    notice.textContent = root.dataset.failed;
    root.prepend(notice);
  };

  window.veilleCarte = async (data) => {
    if (!window.vega) { failed(); return; }
    const number = data.ids.length;
    const base = new URL(".", location.href).href;
    let view = null;
    let shown = [];
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
      const [x, y] = current().points[at];
      // The ring lies over the point: it answers for it.
      view.data("here", [{ at, x, y }]).run();
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
      const it = current();
      view.data("photos", shown.map((at) => ({
        at, x: it.points[at][0], y: it.points[at][1],
        label: data.classes[data.labels[at]], right: right(at),
      })));
      const texts = it.texts.map(([label, x, y, wide, narrow]) => (
        { x, y, label: data.classes[label], level: narrowly() ? narrow : wide }));
      view.data("texts", texts);
      view.data("names", texts.filter((text) => text.level !== null));
      view.data("here", []).run();
      looked = -1;
    };

    /* Limits and titles are the case's own: its program is the first one's with those changed. */
    const draw = async () => {
      const it = current();
      const program = structuredClone(data.program);
      program.width = Math.max(200, plot.clientWidth - 44);
      program.height = narrowly() ? 360 : 460;
      for (const scale of program.scales) {
        if (scale.name === "x") scale.domain = it.x;
        if (scale.name === "y") scale.domain = it.y;
      }
      for (const axis of program.axes) {
        if (axis.title) axis.title = it.titles[axis.scale === "x" ? 0 : 1];
      }
      for (const legend of program.legends ?? []) legend.columns = narrowly() ? 1 : 3;
      view?.finalize();
      view = new vega.View(vega.parse(program, null, { ast: true }), {
        renderer: "svg", container: plot, hover: false, expr: vega.expressionInterpreter,
      });
      view.addEventListener("pointermove", (_event, item) => {
        if (item?.datum?.at !== undefined) look(item.datum.at);
      });
      view.addEventListener("click", (event, item) => {
        if (item?.datum?.at === undefined) return;
        // A finger has not seen the photo yet: the first touch shows it, its link opens it.
        if (event.pointerType === "touch") look(item.datum.at);
        else location.href = address(item.datum.at);
      });
      await view.runAsync();
      plot.querySelector("svg")?.setAttribute("aria-hidden", "true");
      sift();
    };

    read();
    form.hidden = body.hidden = fold.hidden = false;
    form.addEventListener("change", (event) => {
      write();
      if (event.target.name === "cas") draw();
      else sift();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", unroll);
    window.addEventListener("hashchange", () => { read(); draw(); });
    let width = plot.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(plot.clientWidth - width) < 2) return;
      width = plot.clientWidth;
      draw();
    }).observe(plot);
    try {
      await draw();
    } catch {
      form.hidden = body.hidden = fold.hidden = true;
      failed();
    }
  };
})();
