/* Draws pictures of tables with ECharts. The table stays on the page and is the only source: a
   picture holds nothing that the table does not. Without this file the table is simply there.

   <div data-chart="TABLE-ID" data-kind="stacked|lines" data-unit="t"></div>
   In the table's head a cell with data-series="1".."6" is a series (its colour), in the body each
   row begins with its name, and a cell's data-value is its number. A row with data-withheld has
   numbers that are not told: its place is shaded, so that nobody takes it for zero. */
"use strict";

function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesOf(table, kind) {
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows];
  return heads
    .map((head, column) => ({ head, column }))
    .filter(({ head }) => head.dataset.series)
    .map(({ head, column }) => ({
      name: head.textContent.trim(),
      type: kind === "lines" ? "line" : "bar",
      stack: kind === "stacked" ? "all" : undefined,
      barMaxWidth: 44,
      itemStyle: { color: cssColour(`--series-${head.dataset.series}`) },
      lineStyle: { width: 3 },
      symbolSize: 8,
      data: rows.map((row) => {
        const value = row.cells[column]?.dataset.value;
        return value === undefined || value === "" ? null : Number(value);
      }),
    }));
}

function withheldOf(table, series) {
  const rows = [...table.tBodies[0].rows];
  const name = rows.map((row) => row.dataset.withheld).find(Boolean);
  if (!name) {
    return [];
  }
  const most = Math.max(...series.flatMap((one) => one.data.map((value) => value ?? 0))) || 1;
  return [
    {
      name,
      type: "bar",
      barGap: "-100%",
      barMaxWidth: 44,
      silent: true,
      itemStyle: { color: cssColour("--line") },
      tooltip: { valueFormatter: () => "" },
      data: rows.map((row) => (row.dataset.withheld ? most : null)),
    },
  ];
}

function optionsOf(box, table) {
  const ink = cssColour("--ink-soft");
  const line = cssColour("--line");
  const series = seriesOf(table, box.dataset.kind);
  // On a phone the names of the series take two lines.
  const legendPx = box.clientWidth < 480 ? 72 : 44;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return {
    animation: !still,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    legend: { bottom: 0, textStyle: { color: ink } },
    // Drawn on the canvas: the content policy allows no styles written into the page.
    tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: "shadow" } },
    grid: { left: 8, right: 8, top: 36, bottom: legendPx, containLabel: true },
    xAxis: {
      type: "category",
      data: [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim()),
      axisLabel: { color: ink },
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
    },
    yAxis: {
      type: "value",
      name: box.dataset.unit,
      nameTextStyle: { color: ink, align: "left" },
      axisLabel: { color: ink },
      splitLine: { lineStyle: { color: line } },
    },
    series: [...series, ...withheldOf(table, series)],
  };
}

function drawChart(box) {
  const table = document.getElementById(box.dataset.chart);
  if (!table || !window.echarts) {
    return;
  }
  box.classList.add("chart--drawn");
  const chart = window.echarts.init(box, null, { renderer: "canvas" });
  chart.setOption(optionsOf(box, table));
  new ResizeObserver(() => chart.resize()).observe(box);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-chart]")) {
    drawChart(box);
  }
});
