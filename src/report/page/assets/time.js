// Charts over time: every request, or parts of the time; rate and latency of sustained loads.
// unpack reads the requests of a timeline as charts.go has packed them.
function unpack(time) {
	if (time.requests) return time.requests;
	const text = atob(time.moments), bytes = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
	const view = new DataView(bytes.buffer), out = [];
	for (let at = 0; at + 15 <= bytes.length; at += 15) {
		const latency = view.getUint32(at + 4, true), kind = bytes[at + 12];
		out.push({at: view.getUint32(at, true) * time.tickAt / 1e6,
			ms: latency === 0xffffffff ? null : latency * time.tickFor / 1e3,
			burst: view.getUint32(at + 8, true), cold: kind & 3, warmup: kind > 3,
			error: time.classes[bytes[at + 13]], suspect: time.suspects[bytes[at + 14]]});
	}
	return time.requests = out;
}

const groupsOf = data => [
	{name: "warm", cls: "warm dots", of: r => r.cold === 1 && !r.error && !r.warmup},
	{name: "cold", cls: "coldmark squares", of: r => r.cold === 2 && !r.error && !r.warmup},
	{name: unreported(data), cls: "unknown dots", of: r => r.cold === 0 && !r.error && !r.warmup},
	{name: "warm-up", cls: "warmup dots", of: r => r.warmup && !r.error},
	{name: "failed", cls: "failed", of: r => r.error, d: "m-3-3l6 6m0-6l-6 6"},
	{name: "suspect", cls: "suspect", of: r => r.suspect, d: "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0"},
];

const overSpan = time => ({range: [0, time.span || 0.001], label: "Time since the first request", time: true,
	format: since});
const clock = (time, seconds) => new Date(Date.parse(time.began) + 1000 * seconds).toISOString().slice(11, 23);

function moments(time, log, data) {
	const all = unpack(time), range = padded(all.map(r => r.ms), log);
	const top = log ? range[1] * (range[1] / range[0]) ** 0.08 : range[1] * 1.08;
	const height = r => r.ms === null ? (log ? Math.sqrt(range[1] * top) : (range[1] + top) / 2) : r.ms;
	const there = groupsOf(data).filter(g => all.some(g.of));
	return {
		about: `${all.length} requests`, zoomable: true,
		x: overSpan(time),
		y: {range: [range[0], top], log, label: "Latency (ms)", format: trimmed},
		marks: plot => there.forEach(g => {
			let d = "";
			for (const r of all) {
				if (!g.of(r) || r.at < plot.range[0] || r.at > plot.range[1]) continue;
				d += `M${plot.x(r.at).toFixed(1)} ${plot.y(height(r)).toFixed(1)}${g.d || "h0"}`;
			}
			svg("path", {class: g.cls, d}, plot.marks);
		}),
		near: (x, y, plot) => {
			let best = null, least = y === null ? Infinity : 900;
			for (const r of all) {
				const dx = plot.x(r.at) - plot.x(x), dy = y === null ? 0 : plot.y(height(r)) - plot.y(y);
				if (dx * dx + dy * dy < least) { least = dx * dx + dy * dy; best = r; }
			}
			if (!best) return null;
			const words = [best.error ? `failed: ${best.error}` : ms(best.ms)];
			if (!best.error && (data.known || best.cold)) words.push([unreported(data), "warm", "cold"][best.cold]);
			if (best.warmup) words.push("warm-up");
			const place = `${time.sustained ? "second" : "burst"} ${best.burst}`;
			return {x: best.at, y: height(best), lines: [words.join(", "), place,
				`after ${elapsed(best.at)}, at ${clock(time, best.at)} UTC`,
				...(best.suspect ? [`the client may have caused it: ${best.suspect}`] : [])]};
		},
		stops: [...new Set(all.map(r => r.at))].sort((a, b) => a - b),
		legend: there.map(g => ({name: g.name, mark: line(g.cls, "M11 6" + (g.d || "h0"))})),
	};
}

// spans are the bins of a timeline as objects, those that are cut off by its end with the width that they have.
function spans(time) {
	const {start, width, list} = time.bins;
	return list.map(([count, cold, warm, errors, suspects, min, p50, p99, max], i) => {
		const from = Math.max(0, start + i * width), to = Math.min(time.span, start + (i + 1) * width);
		return {from, to, width: to - from, count, cold, warm, errors, suspects, min, p50, p99, max};
	});
}

const inBin = (bins, x) => bins.find(b => x >= b.from && x < b.to) || bins[x < bins[0].from ? 0 : bins.length - 1];

function binned(time, log) {
	const bins = spans(time), some = bins.filter(b => b.count);
	const range = padded(some.flatMap(b => [b.min, b.max]), log);
	const top = log ? range[1] * (range[1] / range[0]) ** 0.08 : range[1] * 1.08;
	const strip = log ? Math.sqrt(range[1] * top) : (range[1] + top) / 2;
	const path = (plot, bins, low, high) => bins.map(b => {
		const [from, to] = [b.from, b.to].map(plot.x);
		return `M${from.toFixed(1)} ${plot.y(low(b)).toFixed(1)}V${plot.y(high(b)).toFixed(1)}` +
			`H${Math.max(to, from + 0.5).toFixed(1)}V${plot.y(low(b)).toFixed(1)}Z`;
	}).join("");
	return {
		about: `${bins.length} parts of ${elapsed(time.bins.width)}`, zoomable: true,
		x: overSpan(time),
		y: {range: [range[0], top], log, label: "Latency (ms)", format: trimmed},
		marks: plot => {
			svg("path", {class: "range", d: path(plot, some, b => b.min, b => b.max)}, plot.marks);
			svg("path", {class: "curve s0", d: middles(plot, some, b => b.p50)}, plot.marks);
			svg("path", {class: "curve s1", d: middles(plot, some, b => b.p99)}, plot.marks);
			const signs = (cls, of, d, at) => svg("path", {class: cls, d: bins.filter(of).map(b =>
				`M${plot.x((b.from + b.to) / 2).toFixed(1)} ${plot.y(at(b)).toFixed(1)}${d}`).join("")}, plot.marks);
			signs("failed", b => b.errors, "m-3-3l6 6m0-6l-6 6", () => strip);
			signs("coldmark squares", b => b.cold, "h0", b => b.max);
			signs("suspect", b => b.suspects && b.count, "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0", b => b.max);
		},
		near: x => {
			const b = inBin(bins, x);
			return {x: (b.from + b.to) / 2, lines: [`${elapsed(b.from)} to ${elapsed(b.to)}`,
				`${b.count} requests: ${ms(b.min)} to ${ms(b.max)}`, `median ${ms(b.p50)}, p99 ${ms(b.p99)}`,
				`${b.cold} cold, ${b.errors} failed, ${b.suspects} suspect`]};
		},
		stops: bins.map(b => (b.from + b.to) / 2),
		legend: [{name: "shortest to longest", mark: box("range")}, {name: "median", mark: line("curve s0")},
			{name: "p99", mark: line("curve s1")},
			{name: "parts with failed requests", mark: line("failed", "M11 6m-3-3l6 6m0-6l-6 6")},
			{name: "with cold ones", mark: line("coldmark squares", "M11 6h0")},
			{name: "with suspect ones", mark: line("suspect", "M11 6m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0")}],
	};
}

// middles is a line through the middles of bins, with gaps where a bin has no request.
function middles(plot, bins, of) {
	let d = "", before = null;
	for (const b of bins) {
		d += (before !== null && b.from - before < 1e-6 ? "L" : "M") +
			`${plot.x((b.from + b.to) / 2).toFixed(1)} ${plot.y(of(b)).toFixed(1)}`;
		before = b.to;
	}
	return d;
}

function timeline(host, data) {
	const subs = data.subs.filter(s => s.time && (s.time.moments || s.time.bins));
	let sub = subs[0], scaleY = "logarithmic";
	if (!sub) {
		html("p", {}, host, "There is no room for the timelines of so many sub-experiments.");
		return;
	}
	const chart = new Chart(host, () => {
		const log = scaleY === "logarithmic";
		return sub.time.moments ? moments(sub.time, log, data) : binned(sub.time, log);
	});
	chooser(chart, subs, i => { sub = subs[i]; });
	chart.choice("Axis", ["logarithmic", "linear"], scaleY, chosen => { scaleY = chosen; });
	chart.renew();
}

// overTime is a chart of the bins of sustained loads.
function overTime(host, data, makeSpec) {
	const subs = data.subs.filter(s => s.time && s.time.sustained && s.time.bins);
	if (!subs.length) return;
	let sub = subs[0];
	const chart = new Chart(host, () => {
		const bins = spans(sub.time).filter(b => b.width >= sub.time.bins.width / 2);
		return {about: `${bins.length} parts of ${elapsed(sub.time.bins.width)}`, zoomable: true,
			stops: bins.map(b => (b.from + b.to) / 2), ...makeSpec(bins),
			x: overSpan(sub.time)};
	});
	chooser(chart, subs, i => { sub = subs[i]; });
	chart.renew();
}

function rate(host, data) {
	const sent = b => (b.count + b.errors) / b.width, failed = b => b.errors / b.width;
	overTime(host, data, bins => ({
		y: {range: [0, Math.max(...bins.map(sent), 1e-9) * 1.06], label: "Requests per second", format: trimmed},
		marks: plot => {
			const steps = of => bins.map((b, i) => (i ? "L" : "M") +
				`${plot.x(b.from).toFixed(1)} ${plot.y(of(b)).toFixed(1)}H${plot.x(b.to).toFixed(1)}`).join("");
			svg("path", {class: "curve s0", d: steps(sent)}, plot.marks);
			if (bins.some(b => b.errors)) svg("path", {class: "curve bad", d: steps(failed)}, plot.marks);
		},
		near: x => {
			const b = inBin(bins, x);
			return {x: (b.from + b.to) / 2, lines: [`${elapsed(b.from)} to ${elapsed(b.to)}`,
				`${short(sent(b))} requests/s`, `${short(failed(b))} failed/s`]};
		},
		legend: [{name: "sent", mark: line("curve s0")},
			...(bins.some(b => b.errors) ? [{name: "failed", mark: line("curve bad")}] : [])],
	}));
}

function load(host, data) {
	overTime(host, data, bins => {
		const some = bins.filter(b => b.count);
		return {
			y: {range: padded(some.flatMap(b => [b.p50, b.p99]), true), log: true, label: "Latency (ms)",
				format: trimmed},
			marks: plot => {
				svg("path", {class: "curve s0", d: middles(plot, some, b => b.p50)}, plot.marks);
				svg("path", {class: "curve s1", d: middles(plot, some, b => b.p99)}, plot.marks);
			},
			near: x => {
				const b = inBin(bins, x);
				return {x: (b.from + b.to) / 2, lines: [`${elapsed(b.from)} to ${elapsed(b.to)}`,
					`median ${ms(b.p50)}, p99 ${ms(b.p99)}`, `longest ${ms(b.max)}`]};
			},
			legend: [{name: "median", mark: line("curve s0")}, {name: "p99", mark: line("curve s1")}],
		};
	});
}

const kinds = {cdf, timeline, rate, load, bursts, parts, comparison, instances};
