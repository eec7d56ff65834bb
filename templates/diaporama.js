/* Presents the slides: arrows, a place in the address, full screen.  Without it they scroll. */
"use strict";
/* The size of slides is known before the first of them is drawn: nothing moves when they are. */
const fit = () => {
  const { clientWidth: width, clientHeight: height, style } = document.documentElement;
  style.setProperty("--d-scale", Math.min(width / 1280, height / 720));
  style.setProperty("--d-zoom", Math.min(1, width / 1290));
};
fit();
window.addEventListener("resize", fit);
document.addEventListener("DOMContentLoaded", () => {
  const slides = [...document.querySelectorAll(".d-slide")];
  const controls = document.querySelector(".d-controls");
  const place = controls.querySelector(".d-place");
  const present = controls.querySelector("[data-present]");
  let current = 0;

  const presented = () => document.body.classList.contains("d-presented");

  const show = (index, move = true) => {
    current = Math.min(Math.max(index, 0), slides.length - 1);
    slides.forEach((slide, i) => {
      slide.classList.toggle("d-current", i === current);
      // A slide that is presented is the whole page: its title is the page's.
      slide.querySelector("h1, h2").ariaLevel = presented() ? "1" : null;
    });
    place.textContent = `${current + 1} / ${slides.length}`;
    history.replaceState(null, "", `#${current + 1}`);
    if (move && !presented()) slides[current].scrollIntoView({ block: "start" });
  };

  const toggle = (on) => {
    document.body.classList.toggle("d-presented", on);
    present.setAttribute("aria-pressed", String(on));
    if (on && document.documentElement.requestFullscreen) {
      document.documentElement.requestFullscreen().catch(() => {});
    } else if (!on && document.fullscreenElement) {
      document.exitFullscreen();
    }
    show(current);
  };

  const steps = {
    ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1,
    ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
    Home: -slides.length, End: slides.length,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target.closest("button")) return;
    if (event.key in steps) {
      event.preventDefault();
      show(current + steps[event.key] * (event.key === " " && event.shiftKey ? -1 : 1));
    } else if (event.key === "f" || event.key === "p") {
      toggle(!presented());
    } else if (event.key === "Escape" && presented()) {
      toggle(false);
    }
  });
  controls.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.step) show(current + Number(button.dataset.step));
    else if (button === present) toggle(!presented());
    else window.print();
  });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && presented()) toggle(false);
  });
  document.addEventListener("click", (event) => {
    if (!presented() || event.target.closest(".d-controls, a")) return;
    show(current + (event.clientX < window.innerWidth / 3 ? -1 : 1));
  });
  /* What is scrolled to is where the arrows start from. */
  let waiting = 0;
  window.addEventListener("scroll", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (presented()) return;
      const middle = window.innerHeight / 2;
      const index = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > middle);
      if (index >= 0) show(index, false);
    }, 150);
  }, { passive: true });
  window.addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1 || 0));

  controls.hidden = false;
  show(Number(location.hash.slice(1)) - 1 || 0, location.hash.length > 1);
});
