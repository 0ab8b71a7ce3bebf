// The kinds of charts. Each takes its box and makes a Chart from the page's numbers.
function cdf(host, data) {
	const curves = [];
	data.subs.forEach((sub, i) => sub.curves.forEach(c => curves.push({...c, i,
		name: c.part === "all" && sub.curves.length === 1 ? sub.name : `${sub.name}, ${c.part}`,
		dashed: c.part === "cold", hidden: false})));
	curves.forEach((c, k) => { c.hidden = k >= 16; c.cls = series(c.i) + (c.dashed ? " cold" : ""); });
	let scaleX = "logarithmic";
	const chart = new Chart(host, () => {
		const shown = curves.filter(c => !c.hidden), log = scaleX === "logarithmic";
		return {
			about: `${shown.length} of ${curves.length} curves`, zoomable: true,
			x: {range: padded(shown.flatMap(c => [c.x[0], c.x[c.x.length - 1]]), log), log, label: "Latency (ms)",
				format: trimmed},
			y: {range: [0, 1], label: "Part of the requests", format: v => Math.round(100 * v) + " %"},
			marks: plot => shown.forEach(c => {
				const n = c.n[c.n.length - 1];
				let d = `M${plot.x(c.x[0]).toFixed(1)} ${plot.y(0).toFixed(1)}`;
				c.x.forEach((x, k) => { d += `H${plot.x(x).toFixed(1)}V${plot.y(c.n[k] / n).toFixed(1)}`; });
				svg("path", {class: "curve " + c.cls, d: d + `H${plot.inner.right}`}, plot.marks);
			}),
			near: (x, y) => {
				const read = shown.map(c => {
					const at = last(c.x, x), part = at < 0 ? 0 : c.n[at] / c.n[c.n.length - 1];
					return {part, text: `${c.name}: ${percent(part)}`};
				});
				if (y !== null) read.sort((a, b) => Math.abs(a.part - y) - Math.abs(b.part - y));
				const more = read.length > 10 ? [`and ${read.length - 10} more`] : [];
				return {x, lines: [`at most ${ms(x)}`, ...read.slice(0, 10).map(r => r.text), ...more]};
			},
			legend: curves.map(c => ({name: c.name, hidden: c.hidden, mark: line("curve " + c.cls),
				toggle: () => { c.hidden = !c.hidden; }})),
		};
	});
	chart.choice("Axis", ["logarithmic", "linear"], scaleX, chosen => { scaleX = chosen; });
	chart.renew();
}

// chooser adds the list of the sub-experiments that have something to show.
function chooser(chart, subs, choose) {
	if (subs.length > 1) chart.select("Sub-experiment", subs.map(s => s.name), 0, choose);
}

// unreported is the name of requests of which it is not known whether they were cold: of a server, nobody asks that.
const unreported = data => data.known ? "cold or warm: not reported" : "answered";
const segmentsOf = data =>
	[["cold", "coldfill"], ["warm", "warmfill"], [unreported(data), "unknownfill"], ["failed", "badfill"]];

function bursts(host, data) {
	const subs = data.subs.filter(s => s.bursts && s.bursts.length);
	let sub = subs[0];
	const segments = segmentsOf(data);
	const chart = new Chart(host, () => {
		const all = sub.bursts, sizes = b => b.slice(2, 6), sum = b => sizes(b).reduce((a, n) => a + n, 0);
		const joined = all.some(b => b[0] !== b[1]), there = segments.filter((_, k) => all.some(b => b[2 + k]));
		return {
			about: `${all.length} bars`,
			x: {range: [-0.5, all.length - 0.5], label: joined ? "Bursts, several in each bar" : "Burst",
				whole: true, format: v => all[Math.round(v)] ? String(all[Math.round(v)][0]) : ""},
			y: {range: [0, Math.max(...all.map(sum)) * 1.06], label: "Requests", whole: true, format: trimmed},
			marks: plot => segments.forEach(([, cls], k) => {
				const gap = Math.min(2, (plot.x(1) - plot.x(0)) * 0.15);
				let d = "";
				all.forEach((b, i) => {
					if (!b[2 + k]) return;
					const base = b.slice(2, 2 + k).reduce((a, n) => a + n, 0);
					const low = plot.y(base).toFixed(1), high = plot.y(base + b[2 + k]).toFixed(1);
					d += `M${(plot.x(i - 0.5) + gap).toFixed(1)} ${low}V${high}` +
						`H${(plot.x(i + 0.5) - gap).toFixed(1)}V${low}Z`;
				});
				svg("path", {class: cls, d}, plot.marks);
			}),
			near: x => {
				const i = Math.max(0, Math.min(all.length - 1, Math.round(x))), b = all[i];
				const kinds = segments.map(([name], k) => [b[2 + k], name]).filter(([n]) => n);
				return {x: i, lines: [b[0] === b[1] ? `burst ${b[0]}` : `bursts ${b[0]} to ${b[1]}`,
					kinds.map(([n, name]) => `${n} ${name}`).join(", "),
					(b[6] === null ? "" : `median ${ms(b[6])}, `) + `longest ${ms(b[7])}`]};
			},
			stops: all.map((_, i) => i),
			legend: there.map(([name, cls]) => ({name, mark: box(cls)})),
		};
	});
	chooser(chart, subs, i => { sub = subs[i]; });
	chart.renew();
}

function parts(host, data) {
	const subs = data.subs.filter(s => s.parts), names = subs[0].parts.names;
	const sum = s => s.parts.ms.reduce((a, v) => a + v, 0);
	const chart = new Chart(host, () => ({
		about: `${subs.length} sub-experiments`, left: 40,
		height: MARGIN.top + MARGIN.bottom + Math.max(60, 26 * subs.length),
		x: {range: [0, Math.max(...subs.map(sum)) * 1.04], label: "Latency (ms, mean)", format: trimmed},
		y: {range: [subs.length - 0.5, -0.5], label: "", ticks: subs.map((_, i) => i), format: i => String(i + 1)},
		marks: plot => names.forEach((_, k) => subs.forEach((s, i) => {
			const base = s.parts.ms.slice(0, k).reduce((a, v) => a + v, 0);
			svg("rect", {class: "p" + k, x: plot.x(base), y: plot.y(i - 0.35),
				width: Math.max(0, plot.x(base + s.parts.ms[k]) - plot.x(base)),
				height: Math.abs(plot.y(0.7) - plot.y(0))}, plot.marks);
		})),
		near: (x, y) => {
			const i = Math.max(0, Math.min(subs.length - 1, Math.round(y === null ? x : y))), s = subs[i];
			return {x: y === null ? sum(s) : x, lines: [s.name, ...names.map((n, k) => `${n}: ${ms(s.parts.ms[k])}`),
				`together ${ms(sum(s))}, ${s.parts.count} requests`]};
		},
		stops: subs.map((_, i) => i),
		legend: names.map((name, k) => ({name, mark: box("p" + k)})),
	}));
	chart.renew();
}

function comparison(host, data) {
	const c = data.comparisons[host.dataset.at], points = c.lines.flatMap(l => l.points);
	const labels = [...new Map(points.map(p => [p.label, p.x])).entries()].sort((a, b) => a[1] - b[1]);
	const place = p => c.numeric ? p.x : labels.findIndex(([label]) => label === p.label);
	const xs = c.numeric ? points.map(p => p.x) : [-0.5, labels.length - 0.5];
	const low = Math.min(...xs), high = Math.max(...xs), room = c.numeric ? (high - low || 1) * 0.05 : 0;
	let what = "p50";
	const chart = new Chart(host, () => ({
		about: `${points.length} points`,
		x: {range: [low - room, high + room], label: c.key + (c.unit ? ` (${c.unit})` : ""),
			ticks: c.numeric ? [...new Set(points.map(p => p.x))].sort((a, b) => a - b) : labels.map((_, i) => i),
			format: v => c.numeric ? trimmed(v) : labels[v][0]},
		y: {range: padded(points.flatMap(p => p[what])), format: trimmed,
			label: (c.part === "all" ? "" : c.part + " ") + `${what} (ms)`},
		marks: plot => c.lines.forEach((l, k) => {
			const shift = (k - (c.lines.length - 1) / 2) * Math.min(10, 60 / c.lines.length);
			const at = p => plot.x(place(p)) + (c.numeric ? 0 : shift);
			const known = l.points.filter(p => p[what][0] !== null);
			if (c.numeric) svg("path", {class: "curve thin " + series(k), d: known.map((p, i) =>
				(i ? "L" : "M") + `${at(p)} ${plot.y(p[what][0])}`).join("")}, plot.marks);
			svg("path", {class: "whisker " + series(k), d: known.filter(p => p[what][1] !== null).map(p =>
				`M${at(p)} ${plot.y(p[what][1])}V${plot.y(p[what][2])}m-4 0h8M${at(p) - 4} ${plot.y(p[what][1])}h8`)
				.join("")}, plot.marks);
			svg("path", {class: "dots big " + series(k), d: known.map(p => `M${at(p)} ${plot.y(p[what][0])}h0`)
				.join("")}, plot.marks);
		}),
		near: x => {
			const nearest = points.reduce((a, b) => Math.abs(place(b) - x) < Math.abs(place(a) - x) ? b : a);
			const here = c.lines.flatMap(l => l.points.filter(p => place(p) === place(nearest)).map(p => [l.name, p]));
			return {x: place(nearest), lines: [`${c.key} ${nearest.label}`, ...here.map(([name, p]) =>
				`${name ? name + ": " : ""}${ms(p[what][0])}` +
				(p[what][1] === null ? "" : ` (${short(p[what][1])} … ${short(p[what][2])})`) + `, n = ${p.n}`)]};
		},
		stops: [...new Set(points.map(place))].sort((a, b) => a - b),
		legend: c.lines.length < 2 ? []
			: c.lines.map((l, k) => ({name: l.name || "–", mark: line("curve " + series(k))})),
	}));
	if (points.some(p => p.p99[0] !== null)) {
		chart.choice("Percentile", ["p50", "p99"], what, chosen => { what = chosen; });
	}
	chart.renew();
}

function instances(host, data) {
	const subs = data.subs.filter(s => s.levels && s.levels.length);
	let sub = subs[0];
	const chart = new Chart(host, () => {
		const all = sub.levels, at = all.map(l => l[0]);
		return {
			about: `at most ${Math.max(...all.map(l => l[1]))} instances`, zoomable: true,
			x: {range: [0, at[at.length - 1] || 0.001], label: "Time since the first request", time: true,
				format: since},
			y: {range: [0, Math.max(...all.map(l => l[1])) * 1.06], label: "Instances", whole: true, format: trimmed},
			marks: plot => svg("path", {class: "curve s0", d: all.map(([x, n], i) => (i ? "H" : "M") +
				plot.x(x).toFixed(1) + (i ? "V" : " ") + plot.y(n).toFixed(1)).join("")}, plot.marks),
			near: x => ({x, lines: [`after ${elapsed(x)}`, `${all[Math.max(0, last(at, x))][1]} instances`]}),
			stops: at,
		};
	});
	chooser(chart, subs, i => { sub = subs[i]; });
	chart.renew();
}
