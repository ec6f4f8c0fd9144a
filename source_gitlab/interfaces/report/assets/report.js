"use strict";
// Draws the page out of the JSON in #data. What comes from GitLab is set as text, never as markup.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chosen = { group: -1, months: 12 };
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const drawn = [];

  function make(name, attributes, ...inside) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    element.append(...inside.filter((one) => one !== null && one !== undefined));
    return element;
  }

  function moment(text) {
    const [day, time] = text.split("T");
    const [year, month, date] = day.split("-").map(Number);
    return `${date} ${months[month - 1]} ${year}${time ? `, ${time.slice(0, 5)} UTC` : ""}`;
  }

  const monthName = (text) => `${months[Number(text.slice(5, 7)) - 1]} ${text.slice(0, 4)}`;

  function number(value) {
    if (value >= 10000 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
    return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(2)));
  }

  // A value with its unit, in the way in which one would say it.
  function said(value, unit) {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return `${number(value * 100)}%`;
    if (unit === "hours") {
      if (value >= 72) return `${number(value / 24)} d`;
      if (value > 0 && value < 1 / 60) return `${number(value * 3600)} s`;
      return value > 0 && value < 1 ? `${number(value * 60)} min` : `${number(value)} h`;
    }
    if (unit !== "minutes") return number(value);
    return value >= 600 ? `${number(value / 60)} h` : `${number(value)} min`;
  }

  const since = () => data.periods.find((one) => one.months === chosen.months).since;

  function span() {
    const found = [];
    let [year, month] = since().split("-").map(Number);
    const last = data.until.slice(0, 7);
    for (;;) {
      const text = `${year}-${String(month).padStart(2, "0")}`;
      found.push(`${text}-01`);
      if (text >= last) return found;
      if (month === 12) { year += 1; month = 1; } else month += 1;
    }
  }

  // The query that the numbers come from, as `questions.sql` puts it together.
  function sql(query) {
    let text = query.head;
    if (chosen.group >= 0) {
      const path = data.groups[chosen.group].replaceAll("'", "''");
      text += `\n  and ${query.project} in (select project_id from ${data.schema}.project_groups`
        + ` where group_path = '${path}')`;
    }
    if (query.time) text += `\n  and ${query.time} >= '${since()}'`;
    return text + query.tail;
  }

  // The chosen numbers of a chart: names down, series across, null where there is none.
  function chosenOf(chart) {
    const byMonth = ["bars", "lines", "stack"].includes(chart.kind);
    const rows = chart.rows.filter((row) => row[0] === chosen.group
      && (row[1] === 0 || row[1] === chosen.months));
    const names = byMonth ? span() : [...new Set([
      ...chart.order.filter((name) => rows.some((row) => row[2] === name)),
      ...rows.map((row) => row[2])])];
    const series = chart.is_split
      ? [...new Set([...chart.parts, ...rows.map((row) => row[3])])]
        .filter((part) => rows.some((row) => row[3] === part))
      : chart.series;
    const grid = names.map(() => series.map(() => null));
    for (const row of rows) {
      const at = names.indexOf(row[2]);
      if (at < 0) continue;
      if (chart.is_split) grid[at][series.indexOf(row[3])] = row[4];
      else series.forEach((_, index) => { grid[at][index] = row[3 + index]; });
    }
    const counts = chart.unit === "" || chart.unit === "minutes";
    if (byMonth && counts) {
      // A month without rows has none of what is counted.
      for (const cells of grid) cells.forEach((cell, at) => { cells[at] = cell === null ? 0 : cell; });
    }
    const isEmpty = rows.every((row) => row.slice(chart.is_split ? 4 : 3).every((cell) => !cell));
    return { names, series, grid, byMonth, isEmpty: !rows.length || (counts && isEmpty)
      || grid.every((cells) => cells.every((cell) => cell === null)) };
  }

  const label = (name, byMonth) => (byMonth ? monthName(name) : String(name));

  function table(chart, found) {
    const first = found.byMonth ? "Month" : "Name";
    return make("table", {},
      make("caption", {}, `${chart.title}, ${scope()}`),
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, first),
        ...found.series.map((name) => make("th", { scope: "col" }, String(name))))),
      make("tbody", {}, ...found.names.map((name, at) => make("tr", {},
        make("th", { scope: "row" }, label(name, found.byMonth)),
        ...found.grid[at].map((cell) => make("td", {}, said(cell, chart.unit)))))));
  }

  const scope = () => `${chosen.group < 0 ? "everything" : data.groups[chosen.group]}, `
    + `${chosen.months} months`;

  function cut(text, width) {
    const most = Math.max(4, Math.floor(width / 6.8));
    return text.length > most ? `${text.slice(0, most - 1)}…` : text;
  }

  // How values are written along an axis: divided by `by`, with one word behind each.
  function unitOf(unit, most) {
    if (unit === "share") return { by: 0.01, word: "%" };
    if (unit === "hours") {
      if (most >= 72) return { by: 24, word: " d" };
      if (most < 1 / 60) return { by: 1 / 3600, word: " s" };
      return most < 1 ? { by: 1 / 60, word: " min" } : { by: 1, word: " h" };
    }
    if (unit === "minutes") return most >= 600 ? { by: 60, word: " h" } : { by: 1, word: " min" };
    return { by: 1, word: "" };
  }

  function svg(plot, height, description) {
    const width = Math.max(240, plot.clientWidth);
    return { width, root: d3.select(plot).append("svg").attr({
      viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": description }) };
  }

  function describe(chart, found) {
    const last = found.byMonth ? found.names.length - 1 : 0;
    const values = found.series.map((name, at) => `${name} ${said(found.grid[last][at], chart.unit)}`);
    return `${chart.title}: ${found.byMonth ? "" : "first of them, "}`
      + `${label(found.names[last], found.byMonth)}: ${values.join(", ")}. The table has all numbers.`;
  }

  function drawMonths(chart, found, plot) {
    const height = 220, top = 12, bottom = 26;
    const { width, root } = svg(plot, height, describe(chart, found));
    const totals = found.grid.map((cells) => (chart.kind === "stack" ? d3.sum(cells) : d3.max(cells)));
    const most = d3.max(totals) || 1;
    const { by: scaled, word } = unitOf(chart.unit, most);
    const y = d3.scale.linear().domain([0, most / scaled]).nice(4).range([height - bottom, top]);
    const ticks = y.ticks(4).filter((tick) => chart.unit !== "" || Number.isInteger(tick));
    const left = 12 + 7 * d3.max(ticks, (tick) => (number(tick) + word).length);
    const x = d3.scale.ordinal().domain(found.names).rangeBands([left, width], 0.25, 0.1);
    for (const tick of ticks) {
      root.append("line").attr({ x1: left, x2: width, y1: y(tick), y2: y(tick),
        class: tick === 0 ? "base" : "grid" });
      root.append("text").attr({ x: left - 8, y: y(tick) + 4, "text-anchor": "end" })
        .text(number(tick) + word);
    }
    const every = Math.ceil(found.names.length / Math.max(2, Math.floor((width - left) / 46)));
    found.names.forEach((name, at) => {
      if ((found.names.length - 1 - at) % every) return;
      const month = months[Number(name.slice(5, 7)) - 1];
      root.append("text").attr({ x: x(name) + x.rangeBand() / 2, y: height - 8,
        "text-anchor": "middle" }).text(month === "Jan" ? name.slice(0, 4) : month);
    });
    if (chart.kind === "lines") drawCurves(chart, found, root, x, (value) => y(value / scaled));
    else found.names.forEach((name, at) => {
      let below = 0;
      found.grid[at].forEach((value, index) => {
        if (!value) return;
        root.append("rect").attr({ class: `k${index % 5}`, x: x(name), width: x.rangeBand(),
          y: y((below + value) / scaled), height: y(below / scaled) - y((below + value) / scaled),
          "data-value": value })
          .append("title").text(`${monthName(name)}: ${found.series[index]} ${said(value, chart.unit)}`);
        below += value;
      });
    });
  }

  function drawCurves(chart, found, root, x, y) {
    const middle = (at) => x(found.names[at]) + x.rangeBand() / 2;
    found.series.forEach((name, index) => {
      const points = found.grid.map((cells, at) => ({ at, value: cells[index] }));
      const line = d3.svg.line().defined((one) => one.value !== null)
        .x((one) => middle(one.at)).y((one) => y(one.value));
      root.append("path").attr({ d: line(points), class: `curve s${index % 5}` });
      for (const one of points.filter((each) => each.value !== null)) {
        root.append("circle").attr({ class: `k${index % 5}`, r: 3, cx: middle(one.at),
          cy: y(one.value), "data-value": one.value })
          .append("title").text(`${monthName(found.names[one.at])}: ${name} ${said(one.value, chart.unit)}`);
      }
    });
  }

  function drawNames(chart, found, plot) {
    const step = 30, height = found.names.length * step + 4;
    const { width, root } = svg(plot, height, describe(chart, found));
    const left = Math.min(Math.round(width * 0.42), 220), right = 64;
    const totals = found.grid.map((cells) => d3.sum(cells));
    const x = d3.scale.linear().domain([0, d3.max(totals) || 1]).range([0, width - left - right]);
    found.names.forEach((name, at) => {
      const middle = at * step + step / 2;
      root.append("text").attr({ x: left - 10, y: middle + 4, "text-anchor": "end" })
        .text(cut(String(name), left - 10)).append("title").text(String(name));
      let before = 0;
      found.grid[at].forEach((value, index) => {
        if (!value) return;
        root.append("rect").attr({ class: chart.is_split ? `k0 o${index % 4}` : "k0", x: left + x(before),
          y: middle - 8, width: Math.max(1, x(value)), height: 16, "data-value": value })
          .append("title").text(`${name}: ${found.series[index]} ${said(value, chart.unit)}`);
        before += value;
      });
      root.append("text").attr({ class: "value", x: left + x(totals[at]) + 8, y: middle + 4 })
        .text(said(totals[at], chart.unit));
    });
  }

  function legend(chart, found) {
    if (found.series.length < 2 || found.isEmpty) return null;
    const shades = found.series.map((name, at) => ({ name, at }))
      .filter((one) => found.grid.some((cells) => cells[one.at] !== null));
    return make("ul", { class: "legend" }, ...shades.map(({ name, at }) => make("li", {},
      make("i", { class: found.byMonth ? `k${at % 5}` : `k0 o${at % 4}`, "aria-hidden": "true" }),
      String(name))));
  }

  function draw({ chart, card, parts }) {
    const found = chosenOf(chart);
    parts.legend.replaceChildren(...[legend(chart, found)].filter(Boolean));
    parts.plot.replaceChildren();
    if (found.isEmpty) parts.plot.append(make("p", { class: "nothing" }, "Nothing in this group and period."));
    else (found.byMonth ? drawMonths : drawNames)(chart, found, parts.plot);
    parts.table.replaceChildren(found.isEmpty ? "" : table(chart, found));
    parts.numbers.hidden = found.isEmpty;
    parts.sql.textContent = sql(chart.query);
    card.dataset.empty = String(found.isEmpty);
  }

  function lacks(chart) {
    if (!chart.lacks.length) return null;
    return make("p", { class: "lacks" }, `Less is known without ${chart.lacks.join(", ")}.`);
  }

  function cardOf(chart) {
    const parts = { legend: make("div"), plot: make("div", { class: "plot" }),
      table: make("div", { class: "scroll", tabindex: "0" }), sql: make("code") };
    parts.numbers = make("details", {}, make("summary", {}, "Table"), parts.table);
    const id = `chart-${chart.name}`;
    const card = make("section", { class: "card", id, "aria-labelledby": `${id}-title` },
      make("h3", { id: `${id}-title` }, chart.title),
      make("p", { class: "reading" }, chart.reading), lacks(chart), parts.legend, parts.plot,
      make("div", { class: "below" }, parts.numbers,
        make("details", {}, make("summary", {}, "SQL"), make("pre", {}, parts.sql)),
        chart.at ? make("time", { datetime: chart.at }, `Data of ${moment(chart.at)}`) : null));
    parts.table.setAttribute("role", "group");
    parts.table.setAttribute("aria-label", `Table of ${chart.title}`);
    drawn.push({ chart, card, parts });
    return card;
  }

  function tiles() {
    return make("dl", { class: "tiles", id: "tiles" }, ...data.tiles.map((tile) => {
      const row = tile.rows.find((one) => one[0] === chosen.group && one[1] === chosen.months);
      return make("div", { class: "tile", title: sql(tile.query) }, make("dt", {}, tile.title),
        make("dd", {}, said(row ? row[2] : null, tile.unit)),
        make("dd", { class: "note" }, tile.reading));
    }));
  }

  const listed = (names) => names.flatMap((name, at) => [at ? ", " : "", make("code", {}, name)]);

  function wants(one) {
    if (!one.streams.length && !one.one_of.length) {
      return [` cannot be worked out: ${one.reasons.join(" ").replace(/\.$/, "")}`];
    }
    return [" needs ", ...listed(one.streams), one.streams.length && one.one_of.length ? " and " : "",
      ...(one.one_of.length ? ["one of ", ...listed(one.one_of)] : [])];
  }

  function gaps() {
    const lines = data.missing.map((one) => make("li", {}, make("strong", {}, one.title),
      ...wants(one), "."));
    const streams = [...new Set(data.missing.flatMap((one) => [...one.streams, ...one.one_of]))].sort();
    const section = make("section", { id: "missing" }, make("h2", {}, "What is not on this page"),
      make("p", { class: "lead" }, `${data.file} has ${data.streams.there} of `
        + `${data.streams.declared} streams. What a chart shows is what the token may see.`));
    if (lines.length) section.append(make("ul", { class: "gaps" }, ...lines));
    if (streams.length) {
      section.append(make("p", { class: "lead" }, "To have them, add these streams to your next sync:"),
        make("pre", {}, make("code", {},
          `source-gitlab sync --to ${data.file} --select ${streams.join(",")}`)));
    }
    if (data.unfinished.length) {
      section.append(make("p", { class: "lead" },
        "Not read to their end yet, so that rows may be missing: ",
        ...listed(data.unfinished), "."));
    }
    if (data.groups_left_out) {
      section.append(make("p", { class: "lead" }, `The ${data.groups.length} groups with the most `
        + `projects can be chosen; ${data.groups_left_out} more are part of everything only.`));
    }
    return section;
  }

  function redraw() {
    const old = document.getElementById("tiles");
    if (old) old.replaceWith(tiles());
    drawn.forEach(draw);
    document.getElementById("chosen").textContent = `Shown: ${scope()}.`;
  }

  function begin() {
    const group = document.getElementById("group"), period = document.getElementById("period");
    group.append(make("option", { value: "-1" }, "Everything"),
      ...data.groups.map((path, at) => make("option", { value: String(at) }, path)));
    period.append(...data.periods.map((one) => make("option", { value: String(one.months) },
      `Last ${one.months} months`)));
    period.value = String(chosen.months);
    group.parentElement.hidden = !data.groups.length;
    group.addEventListener("change", () => { chosen.group = Number(group.value); redraw(); });
    period.addEventListener("change", () => { chosen.months = Number(period.value); redraw(); });
    document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("when").textContent = `Data of ${moment(data.at)}. `
      + (data.until.slice(0, 7) === data.at.slice(0, 7) ? "The last month is not over yet."
        : `Periods end with ${monthName(data.until)}, the last month in which something happened.`);
    const content = document.getElementById("content");
    if (data.tiles.length) content.append(tiles());
    for (const [title, lead] of Object.entries(data.sections)) {
      const charts = data.charts.filter((chart) => chart.section === title);
      if (charts.length) {
        content.append(make("h2", {}, title), make("p", { class: "lead" }, lead),
          make("div", { class: "cards" }, ...charts.map(cardOf)));
      }
    }
    content.append(gaps());
    redraw();
    let width = content.clientWidth;
    window.addEventListener("resize", () => {
      if (content.clientWidth !== width) { width = content.clientWidth; redraw(); }
    });
    window.addEventListener("beforeprint", redraw);
    document.documentElement.dataset.ready = "true";
  }

  begin();
})();
