// look.mjs MODULES PAGE HISTORY FOLDER: opens a run's page in headless Chromium, at two widths and in two colour schemes,
// and the page of a history, uses them as a reader does, and prints what it found as JSON. Screenshots go into FOLDER.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const [modules, file, historyFile, folder] = process.argv.slice(2);
const require = createRequire(join(modules, "x.js"));
const {chromium} = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
	executablePath: process.env.STELLAR_TEST_CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync"],
});
const found = {version: browser.version(), views: [], historyViews: []};

// view opens the page, and watches what it says and asks for.
async function view(shown, width, colorScheme) {
	const address = pathToFileURL(shown).href;
	const context = await browser.newContext({viewport: {width, height: 900}, colorScheme, acceptDownloads: false});
	context.setDefaultTimeout(300_000); // on a busy machine; nothing waits that long
	const page = await context.newPage();
	const seen = {width, colorScheme, console: [], requests: [], axe: []};
	page.on("console", message => seen.console.push(`${message.type()}: ${message.text()}`));
	page.on("pageerror", error => seen.console.push(`exception: ${error.message}`));
	page.on("request", request => {
		if (request.url() !== address && !request.url().startsWith("data:")) seen.requests.push(request.url());
	});
	const began = performance.now();
	await page.goto(address);
	await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
	seen.openMS = Math.round(performance.now() - began);
	seen.title = await page.title();
	seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	seen.scrolled = await page.evaluate(() => [...document.querySelectorAll(".scroll")]
		.filter(box => box.scrollWidth > box.clientWidth).map(box => box.querySelector("table").dataset.name));
	seen.charts = await page.evaluate(() => [...document.querySelectorAll(".chart")].map(host => ({
		kind: host.dataset.kind,
		marks: host.querySelectorAll("svg g > path[d]:not([d='']), svg g > rect").length,
	})));
	return {context, page, seen};
}

async function accessible(page, seen) {
	await page.evaluate(axe);
	const result = await page.evaluate(() => globalThis.axe.run({resultTypes: ["violations"]}));
	seen.axe = result.violations.map(v => ({id: v.id, impact: v.impact,
		nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200))}));
}

// use reads values by keyboard and pointer, zooms, sorts and copies.
async function use(page) {
	const used = {};
	for (const kind of ["cdf", "timeline", "bursts", "instances", "parts", "comparison", "rate", "load"]) {
		const area = page.locator(`.chart[data-kind=${kind}] .area`).first();
		if (!await area.count()) continue;
		await area.focus();
		for (let i = 0; i < 30 && kind === "cdf"; i++) await page.keyboard.press("ArrowRight");
		await page.keyboard.press("ArrowRight");
		used[kind] = await page.locator(`.chart[data-kind=${kind}] .said`).first().textContent();
	}
	const ticks = () => page.locator(".chart[data-kind=timeline] .axes text").allTextContents();
	const before = await ticks();
	await page.locator(".chart[data-kind=timeline] .area").focus();
	await page.keyboard.press("+");
	used.zoomed = String(await ticks()) !== String(before);
	await page.keyboard.press("Escape");
	used.unzoomed = String(await ticks()) === String(before);
	const area = page.locator(".chart[data-kind=timeline] .area");
	await area.scrollIntoViewIfNeeded();
	const at = await area.boundingBox();
	await page.mouse.move(at.x + at.width / 2, at.y + at.height / 2);
	await page.mouse.down();
	await page.mouse.move(at.x + at.width * 0.8, at.y + at.height / 2, {steps: 3});
	await page.mouse.up();
	used.dragged = String(await ticks()) !== String(before);
	await page.mouse.move(at.x + at.width / 2, at.y + at.height / 3);
	await page.locator(".chart[data-kind=cdf] .area").hover();
	used.tip = await page.locator(".chart[data-kind=cdf] .tip").innerText();
	await page.locator(".chart[data-kind=cdf] .legend button").first().click();
	used.hidden = await page.locator(".chart[data-kind=cdf] .legend button").first().getAttribute("aria-pressed");
	await page.locator(".chart[data-kind=cdf] .choice button", {hasText: "linear"}).click();
	used.linear = await page.locator(".chart[data-kind=cdf] .axes text").allTextContents();

	const column = page.locator("table[data-name=summary] thead th", {hasText: "requests"});
	const rows = page.locator("table[data-name=summary] tbody tr");
	const cells = async () => (await rows.allInnerTexts()).map(row => row.split("\t")[2]);
	await column.locator("button").click();
	used.ascending = await cells();
	await column.locator("button").click();
	used.descending = await cells();
	await page.evaluate(() => {
		document.execCommand = () => {
			globalThis.copied = document.activeElement.value;
			return true;
		};
		Object.defineProperty(navigator, "clipboard", {value: undefined});
	});
	await page.locator(".copycsv").filter({visible: true}).first().click();
	await page.waitForFunction(() => globalThis.copied);
	used.csv = await page.evaluate(() => globalThis.copied);
	return used;
}

// useHistory reads a history's charts: what is drawn, and what the keyboard says of single runs.
async function useHistory(page) {
	const used = await page.evaluate(() => [...document.querySelectorAll(".chart")].map(host => {
		const path = cls => [...host.querySelectorAll(`.area svg path${cls}`)].map(p => p.getAttribute("d"));
		return {
			stretches: path(".curve").map(d => d.split("M").length - 1),
			bands: path(".between").map(d => d.split("M").length - 1),
			crosses: path(".failed").map(d => d.split("M").length - 1),
			changes: path(".change").length,
		};
	}));
	const chart = page.locator(".chart[data-kind=history]").first();
	const said = async (...keys) => {
		for (const key of keys) await page.keyboard.press(key);
		return chart.locator(".said").textContent();
	};
	await chart.locator(".area").focus();
	const read = {charts: used, first: await said("Home"), failed: await said(...Array(7).fill("ArrowRight")),
		step: await said(...Array(23).fill("ArrowRight"))};
	await chart.locator(".legend button").first().click();
	read.hidden = await chart.locator(".legend button").first().getAttribute("aria-pressed");
	read.curves = await chart.locator(".area svg path.curve").count();
	return read;
}

for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [400, "light"], [400, "dark"]]) {
	const {context, page, seen} = await view(file, width, scheme);
	await accessible(page, seen);
	await page.screenshot({path: join(folder, `${width}-${scheme}.png`), fullPage: true});
	if (width === 1280 && scheme === "light") {
		found.used = await use(page);
		await page.pdf({path: join(folder, "print.pdf"), format: "A4"});
	}
	seen.title = await page.title();
	found.views.push(seen);
	await context.close();
}
for (const [width, scheme] of [[1280, "light"], [400, "dark"]]) {
	const {context, page, seen} = await view(historyFile, width, scheme);
	await accessible(page, seen);
	await page.screenshot({path: join(folder, `history-${width}-${scheme}.png`), fullPage: true});
	if (width === 1280) found.history = await useHistory(page);
	found.historyViews.push(seen);
	await context.close();
}
await browser.close();
console.log(JSON.stringify(found, null, 1));
