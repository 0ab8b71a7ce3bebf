// The chart of a history: percentiles of one sub-experiment over runs.
// unbroken gives the stretches of a series that have a value (and an interval, where that is asked for).
function unbroken(points, has) {
	const out = [];
	points.forEach((p, i) => {
		if (!has(p)) return;
		const stretch = out[out.length - 1];
		if (stretch && stretch[stretch.length - 1] === i - 1) stretch.push(i); else out.push([i]);
	});
	return out;
}

const look = s => `s${s.part === "warm" ? 1 : 0}` + (s.metric === "p99" ? " d1" : "");

function drawSeries(plot, s) {
	const at = (i, v) => `${plot.x(i).toFixed(1)} ${plot.y(v).toFixed(1)}`;
	const path = (cls, d) => { if (d) svg("path", {class: cls, d}, plot.marks); };
	path("between " + look(s), unbroken(s.points, p => p[1] !== null).map(run =>
		"M" + run.map(i => at(i, s.points[i][2])).join("L") + "L" +
		run.slice().reverse().map(i => at(i, s.points[i][1])).join("L") + "Z").join(""));
	const lines = unbroken(s.points, p => p[0] !== null);
	path("curve " + look(s), lines.map(run => "M" + run.map(i => at(i, s.points[i][0])).join("L")).join(""));
	path("dots " + look(s), s.points.map((p, i) => p[0] === null ? "" : `M${at(i, p[0])}h0`).join(""));
}

// triangle points up for what takes longer.
const triangle = worse => worse ? "l-5 9h10z" : "m-5 0h10l-5 9z";

function history(host, data) {
	const sub = data.subs[host.dataset.at], runs = data.runs;
	const shown = sub.series.map(s => ({...s, hidden: false, name: (s.part === "all" ? "" : s.part + " ") + s.metric}));
	let scaleY = "logarithmic";
	const chart = new Chart(host, () => {
		const visible = shown.filter(s => !s.hidden), log = scaleY === "logarithmic";
		const range = padded(visible.flatMap(s => s.points.flatMap(p => p.slice(0, 3))), log);
		const top = log ? range[1] * (range[1] / range[0]) ** 0.1 : range[1] * 1.1;
		const strip = log ? Math.sqrt(range[1] * top) : (range[1] + top) / 2;
		const changes = visible.flatMap(s => s.changes.map(c => ({...c, name: s.name})));
		const kinds = ["worse", "known", "better"].filter(k => changes.some(c => c.kind === k));
		const gaps = runs.map((r, i) => i).filter(i => runs[i].failed || sub.failed[i]);
		const mark = kind => symbol => {
			svg("path", {class: "change " + kind, d: "M11 1V11"}, symbol);
			svg("path", {class: "tip-" + kind, d: "M11 1" + triangle(kind !== "better")}, symbol);
		};
		return {
			about: `${runs.length} runs, ${changes.length} changes`, zoomable: runs.length > 10,
			x: {range: [-0.5, runs.length - 0.5], label: "Run, by the day on which it started", whole: true,
				format: i => runs[Math.round(i)] ? runs[Math.round(i)].day : ""},
			y: {range: [range[0], top], log, label: "Latency (ms)", format: trimmed},
			marks: plot => {
				visible.forEach(s => drawSeries(plot, s));
				changes.forEach(c => {
					const x = plot.x(c.run - 0.5).toFixed(1);
					const {top, bottom} = plot.inner, draw = (cls, d) => svg("path", {class: cls, d}, plot.marks);
					draw("change " + c.kind, `M${x} ${top}V${bottom}`);
					draw("tip-" + c.kind, `M${x} ${top}` + triangle(c.kind !== "better"));
				});
				svg("path", {class: "failed", d: gaps.map(i => `M${plot.x(i).toFixed(1)} ${plot.y(strip).toFixed(1)}` +
					"m-3-3l6 6m0-6l-6 6").join("")}, plot.marks);
			},
			near: x => {
				const i = Math.max(0, Math.min(runs.length - 1, Math.round(x))), r = runs[i];
				const why = r.failed || sub.failed[i];
				return {x: i, lines: [`${r.day}, ${r.id}`, ...(why ? [`no latencies: ${why}`] : []),
					...visible.filter(s => s.points[i][0] !== null).map(s => {
						const [v, low, high, n] = s.points[i];
						const interval = low === null ? "" : ` (${short(low)} … ${short(high)})`;
						return `${s.name} ${ms(v)}${interval}, n = ${n}`;
					}),
					...changes.filter(c => c.run === i).map(c => `${c.name} ${c.text} since this run`)]};
			},
			stops: runs.map((_, i) => i),
			legend: [...shown.map(s => ({name: s.name, hidden: s.hidden, mark: line("curve " + look(s)),
				toggle: () => { s.hidden = !s.hidden; }})),
				...kinds.map(k => ({name: {worse: "change to the worse", known: "known change",
					better: "change to the better"}[k], mark: mark(k)})),
				...(gaps.length ? [{name: "failed run", mark: line("failed", "M11 6m-3-3l6 6m0-6l-6 6")}] : [])],
		};
	});
	chart.choice("Axis", ["logarithmic", "linear"], scaleY, chosen => { scaleY = chosen; });
	chart.renew();
}

const kinds = {history};
