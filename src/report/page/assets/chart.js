// A chart: axes, grid, marks, a pointer that reads values, the same by keyboard, and zoom along x. What is drawn comes
// from a spec (kinds.js):
//   x, y      {range: [from, to], log, label, format, time, whole}; a logarithmic range is above 0
//   marks     (plot) => nothing: draws into plot.marks by plot.x(value), plot.y(value)
//   near      (x, y, plot) => {x, y, lines} at the pointer, in values; null: nothing is there
//   stops     [x, …] that the arrow keys go through; without it they go through the width in 60 steps
//   legend    [{name, mark, hidden, toggle}]
const SVG = "http://www.w3.org/2000/svg";
const MARGIN = {left: 60, right: 14, top: 10, bottom: 42};

function svg(name, attributes, parent) {
	const element = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
	if (parent) parent.append(element);
	return element;
}

function html(name, attributes, parent, text) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
	if (text !== undefined) element.textContent = text;
	if (parent) parent.append(element);
	return element;
}

// short writes a number with three significant digits, and whole from 100 on.
function short(value) {
	if (value === null || !isFinite(value)) return "–";
	const size = Math.abs(value);
	if (size >= 99.95) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u00a0");
	if (size >= 9.995) return value.toFixed(1);
	if (size >= 0.9995) return value.toFixed(2);
	return String(Number(value.toFixed(3)));
}

const trimmed = value => String(Number(value.toPrecision(6)));
const ms = value => value !== null && value >= 10000 ? short(value / 1000) + " s" : short(value) + " ms";
const percent = part => (part > 0.99 && part < 1 ? (100 * part).toFixed(2) : (100 * part).toFixed(1)) + " %";

// elapsed writes seconds since the beginning.
function elapsed(seconds) {
	if (Math.abs(seconds) < 60) return short(seconds) + " s";
	const whole = Math.round(seconds), two = n => String(n).padStart(2, "0");
	if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`;
	return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)} h`;
}

// since is elapsed for an axis, whose values are round.
const since = seconds => Math.abs(seconds) < 60 ? trimmed(seconds) + " s" : elapsed(seconds);

// ticks are round values within a range: about as many as wanted, at 1, 2 or 5 times a power of ten.
function linearTicks([from, to], want, whole) {
	const rough = (to - from) / want, power = 10 ** Math.floor(Math.log10(rough));
	let step = power * [1, 2, 5, 10].find(m => m * power >= rough * 0.999);
	if (whole) step = Math.max(1, Math.round(step));
	const out = [];
	for (let n = Math.ceil(from / step - 1e-9); n * step <= to + step * 1e-9; n++) {
		out.push(Number((n * step).toPrecision(12)));
	}
	return out;
}

function timeTicks([from, to], want) {
	const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
	if (to - from < 120) return linearTicks([from, to], want);
	const step = steps.find(s => (to - from) / s <= want * 1.2) || 86400 * Math.ceil((to - from) / want / 86400);
	const out = [];
	for (let n = Math.ceil(from / step); n * step <= to; n++) out.push(n * step);
	return out;
}

function logTicks([from, to], want) {
	const decades = Math.log10(to / from), out = [];
	if (decades < 0.7) return linearTicks([from, to], want);
	const each = decades < 2.5 && want > 4 ? [1, 2, 5] : [1];
	const stride = Math.max(1, Math.ceil(decades / want));
	for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
		if (power % stride) continue;
		for (const m of each) {
			const value = Number((m * 10 ** power).toPrecision(3));
			if (value >= from * 0.9999 && value <= to * 1.0001) out.push(value);
		}
	}
	return out;
}

// scale maps values of an axis to pixels, and back.
function scale(axis, range, from, to) {
	const log = axis.log ? Math.log : v => v, exp = axis.log ? Math.exp : v => v;
	const low = log(range[0]), high = log(range[1]), width = high - low || 1;
	const map = value => from + (log(axis.log ? Math.max(value, range[0] * 1e-6) : value) - low) / width * (to - from);
	map.back = pixel => exp(low + (pixel - from) / (to - from) * width);
	return map;
}

const line = (cls, d = "M1 6H21") => mark => svg("path", {class: cls, d}, mark);
const box = cls => mark => svg("rect", {class: cls, x: 5, y: 1, width: 11, height: 10}, mark);
const series = i => `s${i % 7} d${Math.floor(i / 7) % 4}`;

// padded is a range with some room, above 0 where it is logarithmic.
function padded(values, log) {
	const known = values.filter(v => v !== null && isFinite(v) && (!log || v > 0));
	if (!known.length) return log ? [0.1, 1] : [0, 1];
	const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
	if (log) return [low / 1.15, high * 1.15];
	return [0, high * 1.06 || 1];
}

// last is the index of the last of ascending values that is at most x; -1: none.
function last(values, x) {
	let low = -1, high = values.length;
	while (high - low > 1) {
		const middle = (low + high) >> 1;
		if (values[middle] <= x) low = middle; else high = middle;
	}
	return low;
}

class Chart {
	constructor(box, makeSpec) {
		this.box = box;
		this.makeSpec = makeSpec;
		this.zoomed = null;
		this.controls = html("div", {class: "controls"}, box);
		this.legend = html("div", {class: "legend"}, box);
		this.area = html("div", {class: "area", tabindex: "0", role: "group", "aria-roledescription": "chart"}, box);
		this.tip = html("div", {class: "tip", hidden: ""}, this.area);
		this.said = html("p", {class: "said", role: "status"}, box);
		html("p", {class: "hint"}, box, "Arrow keys read values, + and − zoom, Shift and arrows move, Escape shows "
			+ "all. Drag to zoom, double-click to show all.");
		this.listen();
		new ResizeObserver(() => this.draw()).observe(this.area);
	}

	// renew makes the spec again, after a control has changed what is shown.
	renew(keepZoom) {
		if (!keepZoom) this.zoomed = null;
		this.spec = this.makeSpec(this);
		this.cursor = null;
		this.area.setAttribute("aria-label", `${this.box.dataset.label}: ${this.spec.about}`);
		this.drawLegend();
		this.draw();
	}

	draw() {
		const spec = this.spec, width = this.area.clientWidth;
		if (!spec || !width) return;
		const height = spec.height || Math.round(Math.min(380, Math.max(240, width * 0.45)));
		if (this.svg) this.svg.remove();
		this.svg = svg("svg", {viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true"});
		this.area.prepend(this.svg);
		const left = spec.left || MARGIN.left;
		this.inner = {left, top: MARGIN.top, right: width - MARGIN.right, bottom: height - MARGIN.bottom};
		const range = this.zoomed || spec.x.range, inner = this.inner;
		const x = scale(spec.x, range, inner.left, inner.right);
		const y = scale(spec.y, spec.y.range, inner.bottom, inner.top);
		const clip = "clip" + (Chart.count = (Chart.count || 0) + 1);
		svg("rect", {x: inner.left - 1, y: inner.top - 6, width: inner.right - inner.left + 2,
			height: inner.bottom - inner.top + 7}, svg("clipPath", {id: clip}, svg("defs", {}, this.svg)));
		this.plot = {x, y, range, inner, marks: svg("g", {"clip-path": `url(#${clip})`})};
		this.axes(spec, x, y, range, width, height);
		this.svg.append(this.plot.marks);
		spec.marks(this.plot);
		this.cross = svg("path", {class: "cross"}, this.svg);
		this.point(null);
	}

	axes(spec, x, y, range, width, height) {
		const {left, right, top, bottom} = this.inner, g = svg("g", {class: "axes"}, this.svg);
		const ticks = (axis, of, want) => axis.ticks || (axis.log ? logTicks(of, want)
			: axis.time ? timeTicks(of, want) : linearTicks(of, want, axis.whole));
		for (const value of ticks(spec.y, spec.y.range, (bottom - top) / 42)) {
			const at = y(value);
			svg("path", {class: "grid", d: `M${left} ${at}H${right}`}, g);
			svg("text", {x: left - 7, y: at + 4, "text-anchor": "end"}, g).textContent = spec.y.format(value);
		}
		let free = -Infinity;
		for (const value of ticks(spec.x, range, (right - left) / 80)) {
			const text = spec.x.format(value), at = x(value), half = text.length * 3.4;
			svg("path", {class: "grid", d: `M${at} ${top}V${bottom + 4}`}, g);
			if (at - half < free || at + half > width + 4) continue;
			svg("text", {x: at, y: bottom + 17, "text-anchor": "middle"}, g).textContent = text;
			free = at + half + 6;
		}
		svg("path", {class: "axis", d: `M${left} ${top}V${bottom}H${right}`}, g);
		svg("text", {x: (left + right) / 2, y: height - 6, "text-anchor": "middle", class: "label"}, g)
			.textContent = spec.x.label;
		svg("text", {transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle",
			class: "label"}, g).textContent = spec.y.label;
	}

	drawLegend() {
		this.legend.replaceChildren();
		for (const item of this.spec.legend || []) {
			const entry = item.toggle
				? html("button", {type: "button", "aria-pressed": String(!item.hidden)}, this.legend)
				: html("span", {class: "entry"}, this.legend);
			const mark = svg("svg", {width: 22, height: 12, "aria-hidden": "true"}, entry);
			item.mark(mark);
			entry.append(item.name);
			if (item.toggle) entry.addEventListener("click", () => {
				const at = [...this.legend.children].indexOf(entry);
				item.toggle();
				this.renew(true);
				this.legend.children[at].focus();
			});
		}
	}

	// point shows the values at a place, or takes them away.
	point(at) {
		this.tip.hidden = !at;
		if (!at) {
			this.cross.setAttribute("d", "");
			return;
		}
		const {left, right, top, bottom} = this.inner, x = this.plot.x(at.x);
		let d = `M${x} ${top}V${bottom}`;
		if (at.y !== undefined && at.y !== null) d += `M${left} ${this.plot.y(at.y)}H${right}`;
		this.cross.setAttribute("d", d);
		this.tip.replaceChildren(...at.lines.map(line => html("div", {}, null, line)));
		const room = this.area.clientWidth, wide = this.tip.offsetWidth;
		this.tip.style.left = Math.max(0, Math.min(room - wide, x > room / 2 ? x - wide - 12 : x + 12)) + "px";
		this.tip.style.top = top + 4 + "px";
	}

	zoom(from, to) {
		const full = this.spec.x.range, map = scale(this.spec.x, full, 0, 1);
		from = Math.max(0, map(from));
		to = Math.min(1, map(to));
		if (to - from < 1e-5) return;
		this.zoomed = to - from > 0.999 ? null : [map.back(from), map.back(to)];
		this.draw();
	}

	// shift zooms by a factor around the middle, and moves by a part of what is shown.
	shift(factor, by) {
		const full = this.spec.x.range, map = scale(this.spec.x, full, 0, 1);
		const [from, to] = (this.zoomed || full).map(map), half = Math.min(1, (to - from) * factor) / 2;
		const middle = Math.min(1 - half, Math.max(half, (from + to) / 2 + by * (to - from)));
		this.zoom(map.back(middle - half), map.back(middle + half));
	}

	listen() {
		const area = this.area, inside = event => event.clientX - area.getBoundingClientRect().left;
		let from = null, band = null;
		area.addEventListener("pointermove", event => {
			if (!this.plot) return;
			const px = inside(event), {left, right, top, bottom} = this.inner;
			if (from !== null && Math.abs(px - from) > 4) {
				const a = Math.max(left, Math.min(px, from)), b = Math.min(right, Math.max(px, from));
				band = band || svg("rect", {class: "band"}, this.svg);
				const place = {x: a, y: top, width: Math.max(0, b - a), height: bottom - top};
				for (const [key, value] of Object.entries(place)) band.setAttribute(key, value);
				return;
			}
			const py = event.clientY - area.getBoundingClientRect().top;
			if (px < left - 4 || px > right + 4) return this.point(null);
			this.point(this.spec.near(this.plot.x.back(px), this.plot.y.back(py), this.plot));
		});
		area.addEventListener("pointerdown", event => {
			if (event.button || event.pointerType === "touch" || !this.spec.zoomable) return;
			from = inside(event);
			area.setPointerCapture(event.pointerId);
		});
		area.addEventListener("pointerup", event => {
			const to = inside(event), began = from;
			from = band = null;
			if (began === null || Math.abs(to - began) <= 4) return;
			this.zoom(this.plot.x.back(Math.min(began, to)), this.plot.x.back(Math.max(began, to)));
		});
		area.addEventListener("pointerleave", () => from === null && this.plot && this.point(null));
		area.addEventListener("dblclick", () => this.zoom(...this.spec.x.range));
		area.addEventListener("keydown", event => this.key(event));
		area.addEventListener("blur", () => this.plot && this.point(null));
	}

	key(event) {
		if (!this.plot || event.ctrlKey || event.metaKey || event.altKey) return;
		const way = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[event.key];
		if (way && event.shiftKey && this.spec.zoomable) this.shift(1, Math.sign(way) * 0.25);
		else if (way) this.step(way);
		else if ((event.key === "+" || event.key === "=") && this.spec.zoomable) this.shift(0.5, 0);
		else if (event.key === "-" && this.spec.zoomable) this.shift(2, 0);
		else if (event.key === "Escape" || event.key === "0") this.zoom(...this.spec.x.range);
		else return;
		event.preventDefault();
	}

	// step moves the cursor of the keyboard to the next value, and says it.
	step(way) {
		const {left, right} = this.inner;
		let stops = this.spec.stops;
		if (!stops) stops = Array.from({length: 61}, (_, i) => this.plot.x.back(left + (right - left) * i / 60));
		stops = stops.filter(x => x >= this.plot.range[0] && x <= this.plot.range[1]);
		if (!stops.length) return;
		let at = this.cursor === null ? (way > 0 ? -1 : stops.length) : stops.findIndex(x => x >= this.cursor);
		at = Math.max(0, Math.min(stops.length - 1, (at < 0 && this.cursor !== null ? stops.length - 1 : at) + way));
		this.cursor = stops[at];
		const found = this.spec.near(this.cursor, null, this.plot);
		this.point(found);
		this.said.textContent = found ? found.lines.join("; ") : "nothing here";
	}

	// choice adds buttons of which one is pressed.
	choice(label, options, chosen, choose) {
		const group = html("span", {class: "choice", role: "group", "aria-label": label}, this.controls);
		html("span", {class: "name"}, group, label);
		for (const option of options) {
			const button = html("button", {type: "button", "aria-pressed": String(option === chosen)}, group, option);
			button.addEventListener("click", () => {
				for (const other of group.querySelectorAll("button")) {
					other.setAttribute("aria-pressed", other === button);
				}
				choose(option);
				this.renew(false);
			});
		}
	}

	// select adds a list to choose from.
	select(label, names, chosen, choose) {
		const row = html("label", {class: "choice"}, this.controls);
		html("span", {class: "name"}, row, label);
		const list = html("select", {}, row);
		names.forEach((name, i) => html("option", {value: i}, list, name));
		list.value = chosen;
		list.addEventListener("change", () => { choose(Number(list.value)); this.renew(false); });
	}
}
