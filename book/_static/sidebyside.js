// The reader's library (?lib=stan) and the full-width view "Side by side".
// Switching the tabs, and keeping the choice over pages and visits, is sphinx-design's own work.
(() => {
  "use strict";

  const libraries = document.currentScript.dataset.libraries.split(" ");
  const CHOICE = "sphinx-design-tab-id-lib"; // where sphinx-design keeps the choice
  const PAIR = "sidebyside-pair";

  // A browser may refuse to store anything: then the choice holds for one page only.
  const memory = {
    get(key) {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(key, value);
      } catch {
        console.info("This browser stores nothing, so the choice of library is not remembered.");
      }
    },
  };

  // Runs before sphinx-design looks at the address, so that an unknown library never replaces the reader's choice.
  // The parameter is taken off the address: a later choice must not be undone by a reload.
  const address = new URL(location.href);
  const asked = address.searchParams.get("lib");
  if (asked !== null) {
    if (libraries.includes(asked)) memory.set(CHOICE, asked);
    address.searchParams.delete("lib");
    history.replaceState(history.state, "", address);
  }

  // Other tab-sets above change their height when sphinx-design brings them in step; the chosen tab stays in its place.
  let place;
  const findTop = (input) => input.nextElementSibling.getBoundingClientRect().top;
  const onTab = (act) => (event) => event.target.matches(".sd-tab-set > input") && act(event.target);
  document.addEventListener("change", onTab((input) => (place = findTop(input))), { capture: true });
  document.addEventListener("change", onTab((input) => scrollBy({ top: findTop(input) - place, behavior: "instant" })));

  // The chapter's buttons: those for one library follow the tabs. Without this script the full notebook's are there.
  const showLaunch = (tag) => {
    const launch = document.querySelector(".sbs-launch");
    const name = launch && JSON.parse(launch.dataset.libraries)[tag];
    if (!name) return;
    const [colab, download] = ["[data-open]", "[download]"].map((selector) => launch.querySelector(selector));
    colab.dataset.library = tag;
    colab.href = colab.dataset.open.replace("/full/", `/${tag}/`);
    colab.textContent = `Colab: ${name}`;
    colab.setAttribute("aria-label", `Open in Colab: ${name}`);
    colab.hidden = false;
    download.href = download.getAttribute("href").replace(/[^/]+(?=\/[^/]+$)/, tag);
    download.textContent = `Download: ${name}`;
    download.setAttribute("aria-label", `Download: ${name} notebook`);
  };
  document.addEventListener("change", onTab((input) => showLaunch(input.nextElementSibling.dataset.syncId)));

  // Paper is white, and browsers leave dark backgrounds out: on it the dark scheme's pale text can't be read.
  let scheme;
  addEventListener("beforeprint", () => {
    scheme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
  });
  addEventListener("afterprint", () => (document.documentElement.dataset.theme = scheme));

  const make = (tag, properties = {}, children = []) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };

  // One library of a tab-set: its tag, its name, and the code of its cells as arrays of highlighted lines.
  const readTab = (label) => ({
    tag: label.dataset.syncId,
    name: label.textContent.trim(),
    cells: [...document.getElementById(label.htmlFor + "-content").querySelectorAll(".cell_input pre")].map((pre) =>
      // Pygments closes its spans at the end of each line, so a line is well-formed HTML by itself.
      pre.innerHTML.replace(/\n$/, "").split("\n"),
    ),
  });

  // What a line of a model defines: a name given as a string, Stan's declarations and statements, TFP's keyword arguments.
  const DEFINITIONS = [
    /(?:[({]|^)\s*"(\w+)"/g,
    /^\s*(?:array|real|int|complex|(?:row_|unit_|sum_to_zero_)?vector|\w*matrix|simplex|(?:positive_)?ordered|cholesky_\w+)\b[^;=(]*?(\w+)\s*[;=]/g,
    /^\s*(\w+)(?:\[[^\]]*\])?\s*~/g,
    /\w_lp[dm]f\(\s*(\w+)\s*\|/g,
    /^\s*(\w+)\s*=\s*(?:tfd\.|lambda\b)/g,
  ];
  const definedIn = (text) =>
    new Set(DEFINITIONS.flatMap((definition) => [...text.matchAll(definition)].map(([, name]) => name)));

  const makeLine = (html, number) => {
    const line = make("span", { className: "sbs-line" });
    line.innerHTML = html;
    line.dataset.number = number;
    line.dataset.defines = [...definedIn(line.textContent)].join(" ");
    return line;
  };

  const makeCell = (lines, height) => {
    const block = make(
      "pre",
      { className: "sbs-cell" },
      lines.map((html, index) => makeLine(html, index + 1)),
    );
    block.style.setProperty("--lines", height); // both cells of a row are as high as the longer one
    return block;
  };

  class SideBySide {
    constructor() {
      this.selects = ["First library", "Second library"].map((name) => {
        const select = make("select", { className: "sbs-select" });
        select.setAttribute("aria-label", name);
        return select;
      });
      this.columns = this.selects.map(() => {
        const column = make("div", { className: "sbs-column highlight", tabIndex: 0 });
        column.setAttribute("role", "region");
        return column;
      });
      const swap = make("button", { type: "button", className: "sbs-button sbs-swap", textContent: "⇄ Swap" });
      const close = make("button", { type: "button", className: "sbs-button sbs-close", textContent: "Close (Esc)" });
      this.dialog = make("dialog", { className: "sbs-dialog" }, [
        make("div", { className: "sbs-head" }, [
          make("h2", { id: "sbs-title", className: "sbs-title", textContent: "Side by side" }),
          close,
        ]),
        make("div", { className: "sbs-choice" }, [this.selects[0], swap, this.selects[1]]),
        make("div", { className: "sbs-body" }, this.columns),
      ]);
      this.dialog.setAttribute("aria-labelledby", "sbs-title");
      document.body.append(this.dialog);

      this.selects.forEach((select, side) => select.addEventListener("change", () => this.choose(side, select.value)));
      swap.addEventListener("click", () => this.show([...this.pair].reverse()));
      close.addEventListener("click", () => this.dialog.close());
      this.dialog.addEventListener("mouseover", (event) => this.mark(event.target.closest(".sbs-line")));
    }

    open(labels) {
      this.tabs = labels.map(readTab);
      for (const select of this.selects) {
        select.replaceChildren(...this.tabs.map(({ tag, name }) => make("option", { value: tag, textContent: name })));
      }
      const tags = this.tabs.map(({ tag }) => tag);
      const remembered = (memory.get(PAIR) ?? "").split(" ").filter((tag) => tags.includes(tag));
      const current = labels.find((label) => document.getElementById(label.htmlFor).checked).dataset.syncId;
      this.show(remembered.length === 2 ? remembered : [current, tags.find((tag) => tag !== current)]);
      this.dialog.showModal();
    }

    // Choosing the library that stands on the other side swaps the two.
    choose(side, tag) {
      const pair = [...this.pair];
      if (pair[1 - side] === tag) pair[1 - side] = pair[side];
      pair[side] = tag;
      this.show(pair);
      memory.set(PAIR, pair.join(" "));
    }

    show(pair) {
      this.pair = pair;
      const shown = pair.map((wanted) => this.tabs.find(({ tag }) => tag === wanted));
      const rows = Math.max(...shown.map(({ cells }) => cells.length));
      const heights = Array.from({ length: rows }, (_, row) =>
        Math.max(...shown.map(({ cells }) => cells[row]?.length ?? 0)),
      );
      shown.forEach(({ tag, name, cells }, side) => {
        this.selects[side].value = tag;
        this.selects[side].dataset.library = tag;
        this.columns[side].dataset.library = tag;
        this.columns[side].setAttribute("aria-label", `${name} code`);
        this.columns[side].replaceChildren(...heights.map((height, row) => makeCell(cells[row] ?? [], height)));
      });
    }

    // Marks the lines, in both columns, that define what the line under the pointer defines.
    mark(line) {
      const names = line?.dataset.defines.split(" ").filter(Boolean) ?? [];
      for (const other of this.dialog.querySelectorAll(".sbs-line")) {
        other.classList.toggle(
          "sbs-marked",
          other.dataset.defines.split(" ").some((name) => names.includes(name)),
        );
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    showLaunch(libraries.find((tag) => tag === memory.get(CHOICE)) ?? libraries[0]);
    // The theme's arrows that unfold a chapter's parts in the sidebar have no name for who can't see them.
    for (const arrow of document.querySelectorAll(".bd-links summary")) {
      const chapter = arrow.closest("li").querySelector(":scope > a").textContent.trim();
      arrow.setAttribute("aria-label", `Parts of ${chapter}`);
    }
    // What scrolls must be reachable by keyboard. The theme looks once, so that it misses what a tab or solution shows later.
    const watch = new ResizeObserver((changes) => {
      for (const { target } of changes) {
        const scrolls = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
        target.tabIndex = scrolls ? 0 : -1;
      }
    });
    for (const box of document.querySelectorAll(".bd-content :is(pre, .cell_output > .output)")) watch.observe(box);
    // An animation beside its last frame (publish/book_tabs.py): a button shows the one or the other.
    for (const output of document.querySelectorAll(".cell_output:has(img[src$='.gif'])")) {
      const button = make("button", { type: "button", className: "sbs-button sbs-pause", textContent: "Pause" });
      button.addEventListener("click", () => {
        const paused = output.classList.toggle("sbs-paused");
        button.textContent = paused ? "Play" : "Pause";
      });
      output.append(button);
    }
    let view;
    for (const tabSet of document.querySelectorAll(".sd-tab-set")) {
      const labels = [...tabSet.querySelectorAll(":scope > .sd-tab-label[data-sync-group='lib']")];
      if (labels.length < 2) continue;
      const button = make("button", { type: "button", className: "sbs-button sbs-open", textContent: "Side by side" });
      button.addEventListener("click", () => {
        view ??= new SideBySide();
        view.open(labels);
      });
      tabSet.append(button);
    }
  });
})();
