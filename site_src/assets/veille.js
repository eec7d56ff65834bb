/* Small comforts; every page is complete without them. */
(() => {
  "use strict";

  const either = (french, english) => (document.documentElement.lang === "en" ? english : french);

  /* A link to a folded record unfolds it. */
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let one = target; one; one = one.parentElement) {
      if (one.tagName === "DETAILS") one.open = true;
    }
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", unfold);
  unfold();

  /* The other language shows the same place of the page. */
  document.querySelectorAll(".md-select__link[hreflang]").forEach((link) => {
    const follow = () => { link.hash = location.hash; };
    for (const event of ["click", "auxclick", "focus"]) link.addEventListener(event, follow);
  });

  /* Printing shows what is folded. */
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details:not([open])").forEach((one) => { one.open = true; });
  });

  /* Material's search dialog has no name, and its closed menu is reachable by keyboard. */
  const search = document.querySelector(".md-search[role=dialog]");
  if (search && !search.hasAttribute("aria-label")) search.setAttribute("aria-label", either("Recherche", "Search"));

  /* Photos open in a dialog: arrows go through the gallery, Escape closes. */
  const photos = [...document.querySelectorAll("a.v-photo")];
  if (!photos.length || !window.HTMLDialogElement) return;
  const dialog = document.createElement("dialog");
  dialog.className = "v-lightbox";
  dialog.setAttribute("aria-label", "Photo");
  dialog.innerHTML = `
    <figure><img alt=""><figcaption><strong></strong><span></span></figcaption></figure>
    <div class="v-lightbox__bar">
      <button type="button" data-step="-1">${either("Précédente", "Previous")}</button>
      <span aria-live="polite"></span>
      <button type="button" data-step="1">${either("Suivante", "Next")}</button>
      <button type="button" data-close>${either("Fermer", "Close")}</button>
    </div>`;
  document.body.append(dialog);
  const image = dialog.querySelector("img");
  const title = dialog.querySelector("strong");
  const detail = dialog.querySelector("figcaption span");
  const place = dialog.querySelector("[aria-live]");
  let current = 0;

  const show = (index) => {
    current = (index + photos.length) % photos.length;
    const link = photos[current];
    const small = link.querySelector("img");
    image.src = link.href;
    image.alt = small.alt;
    title.textContent = link.closest("figure").querySelector("figcaption").firstChild.textContent.trim();
    detail.textContent = [link.dataset.subcategory, link.dataset.part].filter(Boolean).join(" · ");
    place.textContent = `${current + 1} ${either("sur", "of")} ${photos.length}`;
  };
  photos.forEach((link, index) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(index);
    dialog.showModal();
  }));
  dialog.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (step) show(current + Number(step.dataset.step));
    else if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(current - 1);
    if (event.key === "ArrowRight") show(current + 1);
  });
  dialog.addEventListener("close", () => photos[current].focus());
})();
