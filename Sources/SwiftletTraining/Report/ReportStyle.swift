// ReportStyle.swift: the style sheet of a report's page, and its script for pointers.

/// The page's style sheet and script. Neither holds `<` or `&`, so that the page is well-formed XML too.
enum ReportStyle {
  /// Colors: five hues that are distinct with any color vision (after Okabe and Ito), a set for each theme with a
  /// contrast of 4.5 and more against its ground.
  static let css = """

    :root { color-scheme: light dark; --paper: #faf9f6; --panel: #ffffff; --ink: #1d1f23; --muted: #5a5f69; --rule: #e2dfd8;
      --c0: #0b62a8; --c1: #b84a00; --c2: #00734f; --c3: #8b4a9c; --c4: #7d6200; --right: 11 98 168; --wrong: 184 74 0;
      --note: #fff4df; --note-rule: #e0a030; --text: min(46em, calc(100vw - 80px)); }
    @media (prefers-color-scheme: dark) { :root { --paper: #14161a; --panel: #1b1e23; --ink: #e9e7e2; --muted: #a6abb5;
      --rule: #31353d; --c0: #6cb4fb; --c1: #ff9d5c; --c2: #4fcfa4; --c3: #d5a3ee; --c4: #e2c65c; --right: 42 120 200;
      --wrong: 190 84 16; --note: #2b2417; --note-rule: #a87a28; } }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
    body { margin: 0 auto; max-width: 1120px; padding: 48px 32px 32px; background: var(--paper); color: var(--ink);
      font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
      font-variant-numeric: tabular-nums; }
    h1, .lead { font-family: "Iowan Old Style", Charter, "Bitstream Charter", Georgia, "DejaVu Serif", serif; text-wrap: pretty; }
    h1 { margin: 0; font-size: clamp(28px, 5vw, 42px); line-height: 1.15; font-weight: 600; letter-spacing: -0.01em;
      overflow-wrap: anywhere; }
    h2 { margin: 0 0 16px; font-size: 22px; line-height: 1.3; font-weight: 650; }
    h3 { margin: 0; font-size: 15px; font-weight: 650; overflow-wrap: anywhere; }
    a { color: var(--c0); }
    code, .file { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.86em; }
    .kicker { margin: 0 0 8px; color: var(--muted); font-size: 13px; font-weight: 600; letter-spacing: 0.08em;
      text-transform: uppercase; }
    .lead { margin: 16px 0 0; max-width: 44em; font-size: 19px; line-height: 1.5; overflow-wrap: anywhere; }
    .lead strong { font-weight: 600; }
    .notes { margin: 24px 0 0; padding: 12px 16px 12px 34px; border-left: 3px solid var(--note-rule); background: var(--note);
      border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
    .figures { display: flex; flex-wrap: wrap; gap: 1px; margin: 32px 0 0;
      border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; background: var(--panel); }
    .figures div { flex: 1 1 23%; min-width: 150px; padding: 16px 20px; box-shadow: 0 0 0 1px var(--rule); }
    .figures.threes div { flex-basis: 30%; }
    .figures dt { color: var(--muted); font-size: 14px; }
    .figures dd { margin: 0; color: var(--muted); font-size: 13px; line-height: 1.4; }
    .figures .value { color: var(--ink); font-size: 28px; line-height: 1.3; white-space: nowrap; font-weight: 600; letter-spacing: -0.01em; }
    nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 24px 0 0; font-size: 15px; }
    nav a { padding: 4px 0; text-decoration: none; }
    nav a:hover, nav a:focus-visible { text-decoration: underline; }
    section { margin-top: 56px; padding-top: 24px; border-top: 1px solid var(--rule); }
    figure { margin: 0; min-width: 0; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 20px; }
    .chart, .heat, .gate { padding: 16px 18px; border: 1px solid var(--rule); border-radius: 10px; background: var(--panel); }
    .chart { display: flex; flex-direction: column; } .chart svg:not(.key) { margin-top: auto; }
    .chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 16px; }
    .chart svg:not(.key), .gate svg { display: block; width: 100%; height: auto; overflow: visible; touch-action: pan-y; }
    .readout { margin: 2px 0 8px; min-height: 1.5em; color: var(--muted); font-size: 13px; }
    .legend { display: flex; flex-wrap: wrap; gap: 2px 16px; color: var(--muted); font-size: 13px; overflow-wrap: anywhere; }
    .legend span { display: inline-flex; align-items: center; gap: 6px; }
    .key { flex: none; width: 24px; height: 8px; }
    .key.dot { width: 12px; height: 12px; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
    .line.thin { stroke-width: 1.1; }
    .line.dashed { stroke-dasharray: 5 4; }
    .c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); }
    .c4 { stroke: var(--c4); } .mean, .faint { stroke: var(--muted); } .line.thin.faint, .key .faint { stroke-width: 0.8; opacity: 0.3; } .line.thin.mean, .key .mean { stroke-width: 2.4; opacity: 0.6; }
    .point.c0, .follow.c0, .label.c0 { fill: var(--c0); } .point.c1, .follow.c1, .label.c1 { fill: var(--c1); }
    .point.c2, .follow.c2, .label.c2 { fill: var(--c2); } .point.c3, .follow.c3, .label.c3 { fill: var(--c3); }
    .point.c4, .follow.c4 { fill: var(--c4); } .point.mean { fill: var(--muted); }
    .follow { stroke: var(--panel); stroke-width: 2; visibility: hidden; pointer-events: none; }
    .ring { fill: none; stroke: var(--ink); stroke-width: 1.6; }
    .cross { fill: none; stroke: var(--c1); stroke-width: 1.8; }
    .grid { stroke: var(--rule); } .axis { stroke: var(--muted); } .hit { fill: transparent; }
    .guide { stroke: var(--muted); stroke-dasharray: 2 3; visibility: hidden; pointer-events: none; }
    svg text { fill: var(--muted); stroke: none; font-size: 12.5px; }
    svg .label { font-size: 13px; font-weight: 600; stroke: none; }
    .gap { margin: 8px 0 0; color: var(--c1); font-size: 13px; }
    .explain { margin: 0 0 16px; max-width: 50em; color: var(--muted); }
    details { margin-top: 20px; } summary { cursor: pointer; padding: 4px 0; color: var(--c0); }
    .scroll { overflow-x: auto; max-width: 100%; }
    table { border-collapse: collapse; font-size: 14.5px; }
    caption { padding: 0 0 12px; color: var(--muted); text-align: left; font-size: 15px; }
    caption span { display: block; position: sticky; left: 0; width: var(--text);
      margin-right: calc(-1 * var(--text)); }
    th { font-weight: 550; text-align: left; }
    thead th { color: var(--muted); font-size: 13px; vertical-align: bottom; }
    .plain, .bars, .numbers { width: 100%; }
    .plain th, .plain td, .bars th, .bars td, .numbers th, .numbers td { padding: 7px 16px 7px 0; border-bottom: 1px solid var(--rule);
      overflow-wrap: anywhere; }
    .plain tbody th { width: 32%; font-weight: 500; } .plain td, .plain th { vertical-align: top; }
    .n { text-align: right; white-space: nowrap; } .numbers td, .numbers th { overflow-wrap: normal; }
    .bars tbody th, .bars tfoot th { min-width: 9em; font-weight: 500; } table thead th { overflow-wrap: normal; white-space: normal; }
    .bars .bar { width: 15%; min-width: 92px; }
    .bar span { display: block; padding: 0 0 5px; background: linear-gradient(var(--c0), var(--c0)) left bottom / var(--w) 3px no-repeat,
      linear-gradient(var(--rule), var(--rule)) left bottom / 100% 3px no-repeat; }
    .bar.wrong span { background-image: linear-gradient(var(--c1), var(--c1)), linear-gradient(var(--rule), var(--rule)); }
    tfoot th, tfoot td { font-weight: 650; } .bars tfoot th, .bars tfoot td { border-bottom: 0; font-weight: 650; }
    .matrix { border-collapse: separate; border-spacing: 2px; }
    .matrix td { min-width: 50px; height: 36px; padding: 0 4px; border-radius: 4px; text-align: center; }
    .matrix thead td { height: auto; padding: 0 10px 6px 0; text-align: left; vertical-align: bottom; }
    .matrix th, table.matrix thead th { white-space: nowrap; } .matrix thead th { height: 3em; padding: 6px 2px; text-align: center; vertical-align: bottom; }
    .matrix thead th span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
    .matrix tbody th { position: sticky; left: 0; padding: 0 10px 0 0; background: var(--paper); font-weight: 500; }
    .matrix .right { background: rgb(var(--right) / var(--a)); } .matrix .wrong { background: rgb(var(--wrong) / var(--a)); }
    .matrix .deep { color: #ffffff; } .matrix .zero { color: var(--muted); opacity: 0.55; }
    .corner { color: var(--muted); font-size: 12px; white-space: nowrap; }
    .dense { font-size: 12px; } .dense td { min-width: 29px; height: 27px; padding: 0 2px; border-radius: 3px; }
    .dense thead th { font-size: 12px; }
    .heat { margin-bottom: 28px; max-width: 678px; } .heat figcaption p { margin: 0 0 6px; color: var(--muted); max-width: 50em; }
    .heat img { display: block; width: 100%; max-width: 640px; border: 1px solid var(--rule); image-rendering: pixelated;
      cursor: crosshair; }
    .photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(148px, 1fr)); gap: 20px 16px; }
    .thumb { aspect-ratio: 1; display: flex; align-items: center; justify-content: center; overflow: hidden; border-radius: 8px;
      background: var(--rule); color: var(--muted); font-size: 13px; }
    .thumb img { width: 100%; height: 100%; object-fit: contain; } .thumb .small { image-rendering: pixelated; }
    .photo figcaption { margin-top: 8px; font-size: 13.5px; line-height: 1.4; overflow-wrap: anywhere; }
    .photo span { display: block; } .photo .is { font-weight: 650; font-size: 15px; } .photo .taken { color: var(--muted); }
    .photo .taken b { color: var(--c1); font-weight: 600; }
    .photo .file { color: var(--muted); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-size: 12px; }
    .gates { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); gap: 16px; margin-top: 16px; }
    .gate p { margin: 0 0 6px; color: var(--muted); font-size: 13px; } .gate h3 span { color: var(--muted); font-weight: 500; }
    footer { margin-top: 64px; color: var(--muted); font-size: 13px; }
    @media (max-width: 640px) { body { padding: 28px 16px 24px; } .figures div, .figures.threes div { flex-basis: 45%; min-width: 0; }
      .figures div { padding: 12px 14px; } .figures .value { font-size: 23px; } .lead { font-size: 17px; } section { margin-top: 40px; }
      .chart, .heat, .gate { padding: 12px; } svg text { font-size: 14px; } svg .label { font-size: 14px; }
      .photos { grid-template-columns: repeat(auto-fill, minmax(124px, 1fr)); }
      .bars th, .bars td, .plain th, .plain td { padding-right: 10px; } .bars tbody th, .bars tfoot th { min-width: 6em; }
      :root { --text: calc(100vw - 48px); } .bars .bar { min-width: 58px; } }
    @media print { body { max-width: none; padding: 0; } nav { display: none; } section { break-inside: auto; } figure { break-inside: avoid; } }

    """

  /// Reads out the epoch, or the pair of classes, under the pointer.
  static let script = """

    "use strict";
    document.querySelectorAll(".chart").forEach(function (figure) {
      const out = figure.querySelector(".readout"), rest = out.textContent;
      const guide = figure.querySelector(".guide"), dots = figure.querySelectorAll(".follow");
      const show = function (seen) {
        guide.style.visibility = seen;
        dots.forEach(function (dot) { dot.style.visibility = seen; });
      };
      figure.querySelectorAll(".hit").forEach(function (column) {
        const title = column.querySelector("title"), text = title.textContent;
        title.remove();
        const read = function () {
          out.textContent = text;
          guide.setAttribute("x1", column.dataset.x);
          guide.setAttribute("x2", column.dataset.x);
          column.dataset.y.split(" ").forEach(function (y, index) {
            dots[index].setAttribute("cx", y === "-9" ? "-9" : column.dataset.x);
            dots[index].setAttribute("cy", y);
          });
          show("visible");
        };
        column.addEventListener("pointerenter", read);
        column.addEventListener("pointerdown", read);
      });
      figure.querySelector(".guide").ownerSVGElement.addEventListener("pointerleave", function () {
        out.textContent = rest;
        show("hidden");
      });
    });
    document.querySelectorAll(".heat[data-cells]").forEach(function (figure) {
      const names = figure.dataset.names.split("\\n"), counts = new Map();
      figure.dataset.cells.split(" ").forEach(function (cell) {
        const parts = cell.split(":");
        counts.set(Number(parts[0]), parts[1]);
      });
      const out = figure.querySelector(".readout"), image = figure.querySelector("img");
      const place = function (offset, length) {
        return Math.max(0, Math.min(names.length - 1, Math.floor(offset / length * names.length)));
      };
      image.addEventListener("pointermove", function (event) {
        const row = place(event.offsetY, image.clientHeight), column = place(event.offsetX, image.clientWidth);
        const count = counts.get(row * names.length + column) || "0";
        out.textContent = names[row] + (row === column ? ", right: " : " taken for " + names[column] + ": ") + count;
      });
    });

    """
}
