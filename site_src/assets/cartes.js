/* How strong the colours of the maps are: the reader's choice, on every page that has some. */
(() => {
  "use strict";

  const KEY = "veille-opacite";
  const root = document.documentElement;
  const sliders = [...document.querySelectorAll(".v-opacity")];

  /* A browser may keep nothing (private windows, pages opened from a disk): the choice then
     lasts as long as the page. */
  const kept = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const keep = (value) => {
    try { localStorage.setItem(KEY, value); } catch { /* see above */ }
  };

  const format = new Intl.NumberFormat(root.lang || "fr", { style: "percent" });
  // The narrow space of the rest of the site, whatever the browser's own is.
  const percent = (share) => format.format(share).replace(/\s%/, "\u202f%");

  const apply = (value) => {
    root.style.setProperty("--v-map-opacity", String(value / 100));
    for (const form of sliders) {
      const [input, output] = [form.querySelector("input"), form.querySelector("output")];
      const text = percent(value / 100);
      input.value = String(value);
      input.setAttribute("aria-valuetext", text);
      output.textContent = text;
    }
  };

  for (const form of sliders) {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("input").addEventListener("input", (event) => {
      apply(Number(event.target.value));
      keep(event.target.value);
    });
  }
  const found = /^\d{1,3}$/.exec(kept() ?? "");
  if (found && Number(found[0]) <= 100) apply(Number(found[0]));
  else if (sliders.length) apply(Number(sliders[0].querySelector("input").value));

  /* Beyond the maps the bar is in the way. */
  const bar = document.querySelector(".v-bar");
  const photos = [...document.querySelectorAll(".v-explained")];
  if (bar && photos.length && "IntersectionObserver" in window) {
    const seen = new Set();
    const watcher = new IntersectionObserver((entries) => {
      for (const one of entries) {
        if (one.isIntersecting) seen.add(one.target);
        else seen.delete(one.target);
      }
      const passed = photos[0].getBoundingClientRect().top < 0;
      bar.classList.toggle("v-bar--away", passed && !seen.size && !bar.contains(document.activeElement));
    });
    photos.forEach((one) => watcher.observe(one));
  }

  /* Pictures that wait to be scrolled to would be missing on paper. */
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".v-map__picture img").forEach((one) => { one.loading = "eager"; });
  });
})();
