/* The explorer: every photo of the test split, sifted in the browser.

   Data come as scripts that call veilleExplorateur({…}) (evaluation/report/pages/explorer.py
   says what is in them), because a page opened from a disk may run a script beside it but may
   not fetch a file. The state is in the address's fragment; form, list and panel follow it. */
(() => {
  "use strict";

  const PAGE = 60; // cards drawn at a time
  const KEYS = ["q", "vrai", "sous", "tranche", "cas", "predit", "verdict", "conf", "a", "b", "accord", "tri"];
  const NONE = 65535;

  const root = document.querySelector(".v-explorer:not([data-ready])");
  if (!root) return;
  root.dataset.ready = "";
  const one = (selector, from = root) => from.querySelector(selector);
  const form = one("form");
  const [fold, count, list, empty, more, notice] = [
    ".v-explorer__fold", ".v-explorer__count", ".v-explorer__cards",
    ".v-explorer__empty", ".v-explorer__more", ".v-explorer__notice",
  ].map((selector) => one(selector));
  const field = (name) => form.elements.namedItem(name);

  /* ------------------------------------------------------------------ words */

  const english = document.documentElement.lang === "en";
  const either = (inFrench, inEnglish) => (english ? inEnglish : inFrench);
  const locale = either("fr-FR", "en-GB");
  const whole = new Intl.NumberFormat(locale);
  const percent = (digits) => {
    const format = new Intl.NumberFormat(locale, {
      style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
    // The narrow space of the rest of the site, whatever the browser's own is.
    return (share) => format.format(share).replace(/\s%/, "\u202f%");
  };
  const [rough, fine] = [percent(1), percent(2)];
  // The French plural begins at two; the English singular is one alone.
  const plural = (number) => (either(number < 2, number === 1) ? "" : "s");
  const photos = (number) => `${whole.format(number)}\u00a0photo${plural(number)}`;
  const quote = (text) => either(`«\u00a0${text}\u00a0»`, `“${text}”`);
  const folded = (text) =>
    text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[’‘]/g, "'").toLowerCase();
  const WORDS = {
    failed: either(
      "Les données de cette page n’ont pas pu être lues. Rechargez la page\u202f; si cela ne suffit pas, le site est incomplet.",
      "The data of this page could not be read. Reload the page; if that is not enough, the site is incomplete.",
    ),
    more: (number) => either(`Afficher ${photos(number)} de plus`, `Show ${photos(number)} more`),
    unknown: (what) => either(
      `Le lien suivi demande ${what.map(quote).join(", ")}, que cette étude ne connaît pas\u00a0: ce choix est ignoré.`,
      `The link asks for ${what.map(quote).join(", ")}, which this study does not know: that choice is ignored.`,
    ),
    same: either(
      "Les cas A et B sont le même\u00a0: choisissez-en deux différents.",
      "Cases A and B are the same: choose two different ones.",
    ),
    outside: either("hors de la sélection", "outside the selection"),
    hidden: either("photo non publiée", "photo not published"),
    maps: either("Ce qui a compté\u00a0: ", "What counted: "),
    right: either("Juste", "Right"),
    wrong: either("Faux", "Wrong"),
    colon: either("\u00a0: ", ": "),
    of: either("sur", "of"),
    table: either("Probabilité de chaque catégorie, par cas", "Probability of each class, by case"),
    previous: either("Précédente", "Previous"),
    next: either("Suivante", "Next"),
    close: either("Fermer", "Close"),
    truth: either("Vraie catégorie", "True class"),
    shelf: either("Sous-catégorie", "Subcategory"),
    id: either("Identifiant", "Identifier"),
  };

  /* ------------------------------------------------------------------- data */

  let data = null; // names and columns, made by the first file
  let loaded = 0;

  const begin = (head) => {
    const number = head.total;
    data = {
      ...head,
      ids: new Array(number), titles: new Array(number), found: new Array(number),
      paths: new Array(number), sizes: new Uint16Array(2 * number),
      labels: new Uint16Array(number), shelves: new Uint16Array(number), within: new Array(number),
      places: new Map(), maps: new Map(),
      said: head.cases.map(() => ({
        predicted: new Uint16Array(number),
        confidence: new Float64Array(number), // percent
        probabilities: new Array(number),
      })),
      base: new URL(head.base || ".", location.href.replace(/[?#].*$/s, "")).href,
    };
  };

  const take = (part) => {
    if (part.study !== root.dataset.study || !root.isConnected) return;
    if (part.head) begin(part.head);
    const { start } = part;
    part.ids.forEach((id, i) => {
      const at = start + i;
      data.ids[at] = id;
      data.places.set(id, at);
      data.titles[at] = part.titles[i] || id;
      data.found[at] = folded(`${part.titles[i]} ${id}`);
      data.labels[at] = part.labels[i];
      data.shelves[at] = part.subcategories[i] < 0 ? NONE : part.subcategories[i];
      data.within[at] = part.slices[i];
      if (data.photos) {
        data.paths[at] = part.photos[i];
        data.sizes.set(part.sizes.slice(2 * i, 2 * i + 2), 2 * at);
      }
    });
    part.cases.forEach((from, which) => {
      const said = data.said[which];
      said.predicted.set(from.predicted, start);
      from.probabilities.forEach((pairs, i) => {
        said.probabilities[start + i] = pairs;
        said.confidence[start + i] = 100 * from.confidence[i];
      });
    });
    for (const [i, maps] of Object.entries(part.maps ?? {})) data.maps.set(start + Number(i), maps);
    loaded = start + part.ids.length;
    if (start === 0) ready();
    else grown();
  };

  /* Of the flat list class, probability, class, probability, …; null when it is not kept. */
  const probability = (pairs, label) => {
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === label) return pairs[i + 1];
    return null;
  };
  const right = (which, at) => data.said[which].predicted[at] === data.labels[at];

  /* ------------------------------------------------------------------ state */

  let state = null;
  const initial = () => ({
    q: "", vrai: -1, sous: -1, tranche: -1, cas: data.ranked[0], predit: -1, verdict: "",
    min: null, max: null, a: data.ranked[0], b: data.ranked[1] ?? data.ranked[0],
    accord: "", tri: "", id: "",
  });
  const names = () => ({
    vrai: data.classes, predit: data.classes, sous: data.subcategories, tranche: data.slices,
    cas: data.cases.map((it) => it.id), a: data.cases.map((it) => it.id),
    b: data.cases.map((it) => it.id),
  });
  const CHOICES = { verdict: ["juste", "faux"], accord: ["a", "b", "aucun", "deux"], tri: ["sures", "hesitantes", "marge", "desaccord"] };

  const decode = (text) => {
    try { return decodeURIComponent(text.replace(/\+/g, " ")); } catch { return text; }
  };

  /* The state that a fragment asks for, and what it asks for in vain. */
  const parse = (fragment) => {
    const [asked, unknown, known] = [initial(), [], names()];
    for (const pair of fragment.replace(/^#/, "").split("&").filter(Boolean)) {
      const cut = pair.includes("=") ? pair.indexOf("=") : pair.length;
      const [key, value] = [decode(pair.slice(0, cut)), decode(pair.slice(cut + 1))];
      if (!value) continue;
      if (known[key]) {
        const place = known[key].indexOf(value);
        if (place < 0) unknown.push(value);
        else asked[key] = place;
      } else if (CHOICES[key]) {
        const possible = key !== "accord" || data.cases.length > 1;
        if (possible && CHOICES[key].includes(value)) asked[key] = value;
        else unknown.push(value);
      } else if (key === "conf") {
        const bounds = /^(\d+(?:[.,]\d+)?)?-(\d+(?:[.,]\d+)?)?$/.exec(value);
        if (!bounds) unknown.push(value);
        else [asked.min, asked.max] = [bounds[1], bounds[2]].map(bound);
      } else if (key === "q" || key === "id") asked[key] = value;
    }
    if (asked.id && loaded === data.total && !data.places.has(asked.id)) {
      unknown.push(asked.id);
      asked.id = "";
    }
    return { asked, unknown };
  };
  const bound = (text) => {
    const number = parseFloat(String(text ?? "").replace(",", "."));
    return Number.isFinite(number) ? Math.min(100, Math.max(0, number)) : null;
  };

  const fragment = (from) => {
    const [plain, known] = [initial(), names()];
    const said = { q: from.q, verdict: from.verdict, accord: from.accord, tri: from.tri, id: from.id };
    for (const key of ["vrai", "sous", "tranche", "predit"]) said[key] = from[key] < 0 ? "" : known[key][from[key]];
    if (from.min !== null || from.max !== null) said.conf = `${from.min ?? 0}-${from.max ?? 100}`;
    // A link that speaks of a case names it: which one is the default may change.
    const spoken = from.predit >= 0 || from.verdict || said.conf || from.tri;
    if (spoken || from.cas !== plain.cas) said.cas = known.cas[from.cas];
    if (from.accord || from.a !== plain.a) said.a = known.a[from.a];
    if (from.accord || from.b !== plain.b) said.b = known.b[from.b];
    const parts = [...KEYS, "id"].filter((key) => said[key])
      .map((key) => `${key}=${encodeURIComponent(said[key])}`);
    return parts.length ? `#${parts.join("&")}` : "";
  };
  const address = (from) => location.pathname + location.search + fragment(from);

  /* Leaving the panel goes back in the history, which takes a moment: nothing is written
     meanwhile, or it would be written over the wrong entry. */
  let leaving = false;
  let waiting = false;
  const write = ({ push = true, panel = false } = {}) => {
    if (leaving) { waiting = true; return; }
    if (address(state) === location.pathname + location.search + location.hash) return;
    history[push ? "pushState" : "replaceState"](panel ? { panel } : null, "", address(state));
  };

  /* ----------------------------------------------------------------- filter */

  let shown = new Uint32Array(0);
  let drawn = 0;

  /* Of the two highest probabilities of the chosen case: how near it was to another answer. */
  const margin = (at) => {
    let [first, second] = [0, 0];
    const pairs = data.said[state.cas].probabilities[at];
    for (let i = 1; i < pairs.length; i += 2) {
      if (pairs[i] > first) [first, second] = [pairs[i], first];
      else if (pairs[i] > second) second = pairs[i];
    }
    return first - second;
  };
  const answers = (at) => new Set(data.said.map((said) => said.predicted[at])).size;
  const ORDERS = {
    sures: (at) => -data.said[state.cas].confidence[at],
    hesitantes: (at) => data.said[state.cas].confidence[at],
    marge: margin,
    desaccord: (at) => -answers(at),
  };

  const sift = () => {
    const kept = new Uint32Array(loaded);
    let number = 0;
    const words = folded(state.q).split(/\s+/).filter(Boolean);
    const [said, low, high] = [
      data.said[state.cas],
      // Bounds are included, and computers miss them by a hair.
      (state.min ?? -1) - 1e-7,
      (state.max ?? 101) + 1e-7,
    ];
    const agreed = {
      a: (a, b) => a && !b, b: (a, b) => b && !a, aucun: (a, b) => !a && !b, deux: (a, b) => a && b,
    }[state.accord];
    for (let at = 0; at < loaded; at += 1) {
      if (state.vrai >= 0 && data.labels[at] !== state.vrai) continue;
      if (state.sous >= 0 && data.shelves[at] !== state.sous) continue;
      if (state.tranche >= 0 && !data.within[at].includes(state.tranche)) continue;
      if (state.predit >= 0 && said.predicted[at] !== state.predit) continue;
      if (state.verdict && right(state.cas, at) !== (state.verdict === "juste")) continue;
      if (said.confidence[at] < low || said.confidence[at] > high) continue;
      if (agreed && !agreed(right(state.a, at), right(state.b, at))) continue;
      if (words.length && !words.every((word) => data.found[at].includes(word))) continue;
      kept[number] = at;
      number += 1;
    }
    const order = ORDERS[state.tri];
    // Photos of one rank stay in the order of the study.
    return order ? kept.subarray(0, number).sort((a, b) => order(a) - order(b) || a - b) : kept.subarray(0, number);
  };

  /* ------------------------------------------------------------------- list */

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  /* What is in the language of the class names, where that is not the page's. */
  const named = (made) => {
    if (data.names) made.lang = data.names;
    return made;
  };
  const source = (at) => data.base + data.paths[at].split("/").map(encodeURIComponent).join("/");
  const alternative = (at) => `${either("Photo de la catégorie", "Photo of the class")} ${quote(data.classes[data.labels[at]])}`;
  const picture = (at, lazy) => {
    if (!data.photos) {
      return element("span", "v-explorer__blank", `${data.titles[at]} (${WORDS.hidden})`);
    }
    const made = element("img");
    if (lazy) [made.loading, made.decoding] = ["lazy", "async"];
    [made.width, made.height] = [data.sizes[2 * at], data.sizes[2 * at + 1]];
    [made.alt, made.src] = [alternative(at), source(at)];
    return made;
  };
  const verdict = (which, at, prefix) => {
    const [ok, said] = [right(which, at), data.said[which]];
    const line = element("span", `v-verdict v-verdict--${ok ? "right" : "wrong"}`);
    const mark = element("span", "v-verdict__mark", ok ? "✓" : "✗");
    mark.setAttribute("aria-hidden", "true");
    const answer = element("span", "", prefix + (ok ? WORDS.right : `${WORDS.wrong}${WORDS.colon}`));
    if (!ok) answer.append(named(element("span", "", data.classes[said.predicted[at]])));
    const share = rough(said.confidence[at] / 100);
    line.append(mark, answer, element("small", "", share));
    return line;
  };
  const card = (at) => {
    const item = element("li");
    const link = element("a", "v-explorer__card");
    link.href = fragment({ ...state, id: data.ids[at] });
    link.dataset.at = at;
    const words = element("span", "v-explorer__words");
    if (data.photos) words.append(element("span", "v-explorer__title", data.titles[at]));
    words.append(named(element("span", "v-explorer__label", data.classes[data.labels[at]])));
    if (state.accord) words.append(verdict(state.a, at, "A\u00a0· "), verdict(state.b, at, "B\u00a0· "));
    else words.append(verdict(state.cas, at, ""));
    link.append(picture(at, true), words);
    item.append(link);
    return item;
  };

  const draw = (until) => {
    const last = Math.min(until, shown.length);
    if (last > drawn) {
      const made = document.createDocumentFragment();
      for (; drawn < last; drawn += 1) made.append(card(shown[drawn]));
      list.append(made);
    }
    const rest = shown.length - drawn;
    more.hidden = rest === 0;
    one("button", more).textContent = WORDS.more(Math.min(PAGE, rest));
  };

  const filtered = () =>
    KEYS.some((key) => !["cas", "a", "b", "conf", "tri"].includes(key) && state[key] !== "" && state[key] !== -1)
    || state.min !== null || state.max !== null;

  const say = () => {
    const all = loaded === data.total;
    let text = filtered() ? `${photos(shown.length)} ${WORDS.of} ${whole.format(loaded)}` : photos(shown.length);
    if (!all) {
      const [read, total] = [whole.format(loaded), whole.format(data.total)];
      text += either(`\u202f; ${read} lues sur ${total}…`, `; ${read} of ${total} read…`);
    }
    else if (state.accord && state.a === state.b) text += `. ${WORDS.same}`;
    if (count.textContent !== text) count.textContent = text;
    empty.hidden = shown.length > 0 || !all;
    const active = ["q", "vrai", "sous", "tranche", "predit", "verdict", "accord"]
      .filter((key) => state[key] !== "" && state[key] !== -1).length
      + (state.min !== null || state.max !== null);
    one(".v-explorer__active").textContent = active
      ? either(`(${active}\u00a0actif${plural(active)})`, `(${active}\u00a0active)`) : "";
  };

  const redraw = () => {
    shown = sift();
    drawn = 0;
    list.replaceChildren();
    draw(PAGE);
    say();
  };

  /* More photos have been read: those on screen stay where they are. */
  const grown = () => {
    shown = sift();
    draw(Math.max(drawn, Math.min(PAGE, shown.length)));
    say();
    if (loaded === data.total && state.id && !data.places.has(state.id)) restore();
    else openAsked();
  };

  /* ------------------------------------------------------------------- form */

  const fill = () => {
    for (const key of ["vrai", "sous", "tranche", "predit"]) {
      if (field(key)) field(key).value = state[key] < 0 ? "" : String(state[key]);
    }
    for (const key of ["cas", "a", "b"]) if (field(key)) field(key).value = String(state[key]);
    for (const key of ["verdict", "accord", "tri"]) if (field(key)) field(key).value = state[key];
    if (field("q").value !== state.q) field("q").value = state.q;
    // Not while it is typed: "5." would become "5".
    for (const key of ["min", "max"]) {
      if (bound(field(key).value) !== state[key]) field(key).value = state[key] ?? "";
    }
  };
  const read = () => {
    const place = (key) => (field(key)?.value ? Number(field(key).value) : -1);
    const plain = initial();
    return {
      q: field("q").value.trim(), vrai: place("vrai"), sous: place("sous"), tranche: place("tranche"),
      cas: place("cas"), predit: place("predit"), verdict: field("verdict").value,
      min: bound(field("min").value), max: bound(field("max").value),
      a: field("a") ? place("a") : plain.a, b: field("b") ? place("b") : plain.b,
      accord: field("accord")?.value ?? "", tri: field("tri").value, id: "",
    };
  };
  const chosen = (push) => {
    if (!data) return;
    state = read();
    notice.hidden = true;
    write({ push });
    redraw();
  };
  let typing = 0;
  form.addEventListener("input", (event) => {
    if (event.target.tagName === "SELECT") return;
    clearTimeout(typing);
    // One entry of the history a search, not one a letter.
    typing = setTimeout(() => chosen(false), 150);
  });
  form.addEventListener("change", (event) => {
    clearTimeout(typing);
    chosen(event.target.tagName === "SELECT");
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); chosen(true); });
  const reset = () => {
    if (!data) return;
    state = initial();
    notice.hidden = true;
    fill();
    write();
    redraw();
    count.focus({ preventScroll: true });
  };
  form.addEventListener("reset", (event) => { event.preventDefault(); reset(); });
  one("button", empty).addEventListener("click", reset);
  one("button", more).addEventListener("click", () => {
    const before = drawn;
    draw(drawn + PAGE);
    list.children[before]?.firstElementChild.focus();
  });

  /* ------------------------------------------------------------------ panel */

  const dialog = element("dialog", "v-lightbox v-panel");
  dialog.setAttribute("aria-labelledby", "v-panel-titre");
  dialog.innerHTML = `
    <div class="v-panel__body">
      <div><div class="v-panel__photo"></div><div class="v-panel__maps"></div></div>
      <div class="v-panel__text">
        <h2 id="v-panel-titre" tabindex="-1" autofocus></h2>
        <dl class="v-facts"></dl>
        <div class="v-table" role="region" tabindex="0" aria-labelledby="v-panel-tableau">
          <table class="v-table__table v-table__table--scores">
            <caption id="v-panel-tableau"><span data-words="table"></span></caption>
            <thead></thead><tbody></tbody>
          </table>
        </div>
        <p class="v-note"></p>
      </div>
    </div>
    <div class="v-lightbox__bar">
      <button type="button" data-step="-1"><span aria-hidden="true">← </span><span data-words="previous"></span></button>
      <span aria-live="polite"></span>
      <button type="button" data-step="1"><span data-words="next"></span><span aria-hidden="true"> →</span></button>
      <button type="button" data-close data-words="close"></button>
    </div>`;
  for (const place of dialog.querySelectorAll("[data-words]")) {
    place.textContent = WORDS[place.dataset.words];
  }
  root.append(dialog);

  const fact = (label, text) => {
    const row = element("div");
    row.append(element("dt", "", label), element("dd", "", text));
    return row;
  };

  const table = (at) => {
    const head = element("tr");
    const corner = element("th", "", either("Catégorie", "Class"));
    corner.scope = "col";
    head.append(corner);
    data.cases.forEach((it, which) => {
      const cell = element("th", "v-numeric", it.title);
      cell.scope = "col";
      const ok = right(which, at);
      const said = `${ok ? "✓" : "✗"} ${ok ? WORDS.right : WORDS.wrong}`;
      cell.append(element("small", `v-verdict--${ok ? "right" : "wrong"}`, said));
      head.append(cell);
    });
    one("thead", dialog).replaceChildren(head);
    const kept = data.classes.map((_, label) => label).filter((label) => data.whole
      || label === data.labels[at]
      || data.said.some((said) => probability(said.probabilities[at], label) !== null));
    one("tbody", dialog).replaceChildren(...kept.map((label) => line(at, label)));
    one(".v-note", dialog).textContent = either(
      "En gras, la catégorie prédite par chaque cas, suivie de ✓ si elle est juste et de ✗ sinon.",
      "In bold, the class that each case predicts, followed by ✓ if it is right and by ✗ if not.",
    ) + (data.whole ? "" : either(
      " Un tiret\u00a0: cette probabilité n’est pas parmi les dix plus hautes du cas.",
      " A dash: this probability is not among the ten highest of the case.",
    ));
  };
  const line = (at, label) => {
    const truth = label === data.labels[at];
    const row = element("tr", truth ? "v-panel__truth" : "");
    const head = element("th");
    head.append(named(element("span", "", data.classes[label])));
    head.scope = "row";
    if (truth) head.append(element("small", "", either("vraie catégorie", "true class")));
    row.append(head);
    data.said.forEach((said) => {
      const kept = probability(said.probabilities[at], label) ?? (data.whole ? 0 : null);
      const text = kept === null ? "—" : fine(kept / data.scale);
      const cell = element("td");
      if (said.predicted[at] === label) {
        cell.className = truth ? "v-hit" : "v-error";
        cell.append(element("strong", "", `${text} ${truth ? "✓" : "✗"}`));
        cell.append(element("span", "v-explorer__unseen", truth ? either(" prédite, juste", " predicted, right") : either(" prédite, faux", " predicted, wrong")));
      } else cell.textContent = text;
      row.append(cell);
    });
    return row;
  };

  /* What speaks for the classes, by the cases that the list is about. */
  const maps = (at) => (state.accord ? [state.a, state.b] : [state.cas]).flatMap((which) => {
    const found = (data.maps.get(at) ?? []).filter((it) => it[0] === which);
    if (!found.length) return [];
    const row = element("div", "v-maps__row");
    row.append(...found.map(([, title, path, width, height, said]) => {
      const figure = element("figure", "v-map");
      const both = element("div", "v-map__picture");
      const [photo, overlay] = [picture(at, true), element("img", "v-map__overlay")];
      photo.alt = "";
      [overlay.loading, overlay.width, overlay.height] = ["lazy", width, height];
      [overlay.alt, overlay.src] = [said, data.base + path];
      both.append(photo, overlay);
      figure.append(both, element("figcaption", "", title));
      return figure;
    }));
    const [heading, link] = [element("h3", "", WORDS.maps), element("a", "", data.cases[which].title)];
    link.href = data.cases[which].maps; // beside this page, in its language
    heading.append(link);
    return [heading, row];
  });

  let current = -1;
  const show = (at) => {
    current = at;
    const big = picture(at, false);
    one(".v-panel__photo", dialog).replaceChildren(big);
    one(".v-panel__maps", dialog).replaceChildren(...maps(at));
    one("h2", dialog).textContent = data.titles[at];
    const facts = [fact(WORDS.truth, data.classes[data.labels[at]])];
    if (data.shelves[at] !== NONE) {
      facts.push(fact(WORDS.shelf, data.subcategories[data.shelves[at]]));
    }
    facts.forEach((made) => named(made.lastChild));
    facts.push(fact(WORDS.id, data.ids[at]));
    one("dl", dialog).replaceChildren(...facts);
    table(at);
    const place = shown.indexOf(at);
    one("[aria-live]", dialog).textContent = place < 0
      ? WORDS.outside : `${whole.format(place + 1)} ${WORDS.of} ${whole.format(shown.length)}`;
    const alone = shown.length === 0 || (place >= 0 && shown.length === 1);
    dialog.querySelectorAll("[data-step]").forEach((button) => { button.disabled = alone; });
    if (!dialog.open) dialog.showModal();
    one(".v-panel__body", dialog).scrollTop = 0;
  };
  const step = (by) => {
    if (!shown.length) return;
    const place = shown.indexOf(current);
    const next = place < 0 ? 0 : (place + by + shown.length) % shown.length;
    state.id = data.ids[shown[next]];
    write({ push: false, panel: Boolean(history.state?.panel) });
    show(shown[next]);
  };

  list.addEventListener("click", (event) => {
    const link = event.target.closest("a.v-explorer__card");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const at = Number(link.dataset.at);
    state.id = data.ids[at];
    write({ panel: true });
    show(at);
  });
  dialog.addEventListener("click", (event) => {
    const moved = event.target.closest("[data-step]");
    if (moved) step(Number(moved.dataset.step));
    else if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    // There the arrows scroll the table.
    if (event.target.closest(".v-table") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
    if (event.key.startsWith("Arrow")) event.stopPropagation();
  });
  dialog.addEventListener("close", () => {
    const place = shown.indexOf(current);
    if (place >= 0) draw(Math.max(drawn, place + 1));
    (list.children[place]?.firstElementChild ?? count).focus();
    if (!state.id) return; // closed by going back
    state.id = "";
    if (history.state?.panel) {
      leaving = true;
      history.back();
    } else write({ push: false });
  });
  const openAsked = () => {
    const at = state.id ? data.places.get(state.id) : undefined;
    if (at !== undefined && (!dialog.open || current !== at)) show(at);
    else if (!state.id && dialog.open) dialog.close();
  };

  /* ------------------------------------------------------------ the address */

  const restore = () => {
    const { asked, unknown } = parse(location.hash);
    const before = state && fragment({ ...state, id: "" });
    state = asked;
    fill();
    notice.hidden = unknown.length === 0;
    notice.textContent = unknown.length ? WORDS.unknown(unknown) : "";
    if (before !== fragment({ ...state, id: "" })) redraw();
    openAsked();
  };
  const moved = () => {
    if (!root.isConnected) { window.removeEventListener("hashchange", moved); return; }
    if (!data) return;
    if (leaving) {
      leaving = false;
      if (waiting) { waiting = false; write(); return; }
    }
    restore();
  };
  window.addEventListener("hashchange", moved);

  /* ---------------------------------------------------------------- start */

  const ready = () => {
    form.hidden = false;
    restore();
    if (matchMedia("(max-width: 44rem)").matches) fold.open = false;
    if ("IntersectionObserver" in window) {
      const near = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        draw(drawn + PAGE);
        // It speaks of changes only: ask again, in case the end is still near.
        near.unobserve(more);
        near.observe(more);
      }, { rootMargin: "600px" });
      near.observe(more);
    }
  };

  window.veilleExplorateur = take;
  for (const src of root.dataset.sources.split(" ")) {
    const script = document.createElement("script");
    script.async = false; // in their order: the first one names what the others count
    script.src = src;
    script.addEventListener("error", () => {
      notice.textContent = WORDS.failed;
      notice.hidden = false;
    });
    document.head.append(script);
  }
})();
