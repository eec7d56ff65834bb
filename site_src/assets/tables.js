/* Tables that sort, and that can be taken away. Every table is complete without this.

   A cell may carry its exact value (data-value) and the bounds of its interval (data-low,
   data-high), with a decimal point (evaluation/report/tables.py); what is printed is rounded
   and written as the language of the page writes it. */
(() => {
  "use strict";

  const TIGHT = /[\s\u00a0\u202f]/g;

  /* What a cell says, less its tag, its small line and the words of screen readers alone. */
  const words = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("small, .v-tag, .v-sort__sign").forEach((one) => one.remove());
    const listed = [...copy.querySelectorAll("li")];
    const text = listed.length ? listed.map((one) => one.textContent).join(" | ") : copy.textContent;
    return text.replace(/\s+/g, " ").trim();
  };

  const language = document.documentElement.lang || "fr";
  const english = language === "en";

  /* A printed number as a number: "−8,1", "85,7 %", "1 050 photos"; null when it is none.
     In English, the comma stands between thousands. */
  const printed = (text) => {
    const plain = text.replace(TIGHT, "").replace("−", "-")
      .replace(/(\d),(?=\d)/g, english ? "$1" : "$1.");
    const found = /^[<>≤≥+]?(-?\d+(?:\.\d+)?)(?:%|[a-zé/]*)$/i.exec(plain);
    return found ? Number(found[1]) : null;
  };
  const NOTHING = new Set(["", "—", "–"]);

  /* The value by which a cell is sorted: a number, a text, or null for none at all. */
  const rank = (cell) => {
    if (!cell || cell.colSpan > 1) return null;
    const exact = cell.dataset.value;
    const text = words(cell);
    if (exact === undefined && NOTHING.has(text)) return null;
    const number = exact === undefined ? printed(text) : Number(exact);
    return number === null || Number.isNaN(number) ? (exact ?? text) : number;
  };

  const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });

  /* Cells without a value come last, whichever the order. */
  const compare = (direction) => ([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number"
      ? a - b : collator.compare(String(a), String(b));
    return direction * order;
  };

  /* -------------------------------------------------------------------- sort */

  const sortable = (table) =>
    !/--(confusion|matrix)\b/.test(table.className) // their order is their meaning
    && [...table.tBodies].some((body) => body.querySelectorAll("tr:not(.v-group)").length > 1);

  const sort = (table, heads, column, direction) => {
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("v-group"));
      rows.forEach((row, i) => { row.dataset.place ??= i; });
      const keyed = direction
        ? rows.map((row) => [rank(row.cells[column]), row]).sort(compare(direction))
        : rows.map((row) => [Number(row.dataset.place), row]).sort(compare(1));
      body.append(...keyed.map(([, row]) => row)); // a group's title stays on top
    }
    heads.forEach((head, i) => {
      if (i === column && direction) {
        head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      } else head.removeAttribute("aria-sort");
    });
  };

  const makeSortable = (table) => {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "v-sort";
      const sign = document.createElement("span");
      sign.className = "v-sort__sign";
      sign.setAttribute("aria-hidden", "true");
      const note = head.querySelector("small");
      button.append(...[...head.childNodes].filter((one) => one !== note), sign);
      head.prepend(button);
      // Numbers from the greatest, words from A; then the other way; then as the page had them.
      const first = head.classList.contains("v-numeric") ? -1 : 1;
      button.addEventListener("click", () => {
        const now = { ascending: 1, descending: -1 }[head.getAttribute("aria-sort")] ?? 0;
        sort(table, heads, column, now === 0 ? first : now === first ? -first : 0);
      });
    });
  };

  /* -------------------------------------------------------------------- take */

  /* The table as rows of plain values. A column with intervals becomes three; one with small
     lines or verdicts has them beside it. */
  const values = (table, { low, high, note, verdict, group }) => {
    const head = table.tHead.rows[table.tHead.rows.length - 1];
    const bodies = [...table.tBodies].map((body) => ({
      title: body.querySelector("tr.v-group th"),
      rows: [...body.rows].filter((row) => !row.classList.contains("v-group")),
    }));
    const rows = bodies.flatMap((body) => body.rows);
    const small = (cell) => cell?.querySelector("small")?.textContent.trim() ?? "";
    const tag = (cell) => cell?.querySelector(".v-tag")?.textContent.trim() ?? "";
    const plain = (text) => (NOTHING.has(text) ? "" : (printed(text)?.toString() ?? text));
    const figure = (text) => (text && Number.isFinite(Number(text)) ? Number(text) : text);
    const exact = (cell, number) => {
      const text = cell ? words(cell) : "";
      const value = cell?.dataset.value ?? plain(text);
      return number ? figure(value) : cell?.dataset.value ?? text;
    };
    const columns = [];
    [...head.cells].forEach((cell, i) => {
      const name = words(cell);
      const unit = small(cell);
      const full = unit ? `${name} (${unit})` : name;
      // Only what stands under a heading of numbers is one: a class may be called 007 or 50%.
      const number = cell.classList.contains("v-numeric");
      columns.push([full, (row) => exact(row.cells[i], number)]);
      const any = (ask) => rows.some((row) => ask(row.cells[i]));
      if (any((one) => one?.dataset.low !== undefined)) {
        columns.push([`${name} – ${low}`, (row) => figure(row.cells[i]?.dataset.low ?? "")]);
        columns.push([`${name} – ${high}`, (row) => figure(row.cells[i]?.dataset.high ?? "")]);
      } else if (any(small)) columns.push([`${name} – ${note}`, (row) => small(row.cells[i])]);
      if (any(tag)) columns.push([`${name} – ${verdict}`, (row) => tag(row.cells[i])]);
    });
    const grouped = bodies.some((body) => body.title);
    return [
      [...(grouped ? [group] : []), ...columns.map(([name]) => name)],
      ...bodies.flatMap((body) => body.rows.map((row) => [
        ...(grouped ? [body.title ? words(body.title) : ""] : []),
        ...columns.map(([, ask]) => ask(row)),
      ])),
    ];
  };

  /* As the reader's spreadsheet takes it: semicolons and decimal commas in French; a text that a
     spreadsheet would run has an apostrophe before it. A class called 1.5 is a text. */
  const cellOf = (one) => {
    if (typeof one === "number") return english ? `${one}` : `${one}`.replace(".", ",");
    const safe = /^[=+\-@\t\r]/.test(one) ? `'${one}` : one;
    return /[",;\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = (rows) => rows.map((row) => row.map(cellOf).join(english ? "," : ";")).join("\r\n");
  const tabbed = (rows) => rows.map((row) => row.map((one) => `${one}`.replace(/[\t\r\n]+/g, " "))
    .join("\t")).join("\n");

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { // no clipboard without the reader's leave: the old way
      const area = document.createElement("textarea");
      area.value = text;
      area.setAttribute("readonly", "");
      area.className = "v-unseen";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };

  const download = (text, name) => {
    // With its mark, a spreadsheet reads the accents too.
    const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    const link = document.createElement("a");
    [link.href, link.download] = [url, name];
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };

  /* etudes/demo/comparaison.html, cas: "demo-comparaison-cas.csv". */
  const name = (table) => {
    const parts = location.pathname.replace(/\.html$/, "").split("/").filter(Boolean);
    const at = parts.lastIndexOf("etudes");
    return `${[...(at < 0 ? parts.slice(-1) : parts.slice(at + 1)), table.id].join("-")}.csv`;
  };

  /* A long table: only the rows whose first cell holds what is written stay in sight. */
  const LONG = 30;
  const finder = (rows, label) => {
    const field = document.createElement("input");
    [field.type, field.placeholder, field.className] = ["search", label, "v-find"];
    field.setAttribute("aria-label", label);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLocaleLowerCase(language);
      for (const row of rows) {
        row.hidden = !words(row.cells[0]).toLocaleLowerCase(language).includes(wanted);
      }
    });
    return field;
  };

  const arm = (tools) => {
    const table = document.getElementById(tools.dataset.table);
    if (!table) return;
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    if (rows.length > LONG) table.closest(".v-table").before(finder(rows, tools.dataset.find));
    const said = tools.querySelector("[role=status]");
    tools.querySelector("[data-copy]").addEventListener("click", async (event) => {
      const { done, failed } = event.currentTarget.dataset;
      said.textContent = (await copy(tabbed(values(table, tools.dataset)))) ? done : failed;
      setTimeout(() => { said.textContent = ""; }, 4000);
    });
    tools.querySelector("[data-csv]").addEventListener("click", () => {
      download(csv(values(table, tools.dataset)), name(table));
    });
    tools.hidden = false;
  };

  document.querySelectorAll("table.v-table__table").forEach((table) => {
    if (table.tHead && sortable(table)) makeSortable(table);
  });
  document.querySelectorAll(".v-tools").forEach(arm);
})();
