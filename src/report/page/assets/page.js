// The page: its charts, and tables that sort and copy.
const numbers = JSON.parse(document.getElementById("charts").textContent);
for (const host of document.querySelectorAll(".chart")) kinds[host.dataset.kind](host, numbers);

const exact = cell => cell.dataset.v ?? (cell.textContent === "–" ? "" : cell.textContent);

function sortBy(table, column, head) {
	const down = head.getAttribute("aria-sort") === "ascending";
	const body = table.tBodies[0], key = row => exact(row.cells[column]);
	const compare = (a, b) => {
		if (a === "" || b === "") return (a === "") - (b === ""); // what has no value is last either way
		const order = a - b;
		return (isNaN(order) ? a.localeCompare(b, undefined, {numeric: true}) : order) * (down ? -1 : 1);
	};
	body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
	for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
	head.setAttribute("aria-sort", down ? "descending" : "ascending");
}

function csv(table) {
	const quoted = text => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
	const text = cell => quoted(cell.tagName === "TH" ? cell.textContent : exact(cell));
	return [...table.rows].map(row => [...row.cells].map(text).join(",") + "\n").join("");
}

// copy puts a text into the clipboard, also where the page has no right to the newer way.
async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		const area = html("textarea", {class: "copy", "aria-label": "text to copy"}, document.body);
		area.value = text;
		area.select();
		const done = document.execCommand("copy");
		area.remove();
		return done;
	}
}

for (const table of document.querySelectorAll("table")) {
	[...table.tHead.rows[0].cells].forEach((head, column) => {
		const button = html("button", {type: "button"}, null, head.textContent);
		head.replaceChildren(button);
		button.addEventListener("click", () => sortBy(table, column, head));
	});
	const button = html("button", {type: "button", class: "copycsv"}, table.closest(".table"), "Copy as CSV");
	button.setAttribute("aria-label", `Copy as CSV: ${table.dataset.name}`);
	button.addEventListener("click", async () => {
		button.textContent = await copy(csv(table)) ? "Copied" : "The browser does not let the page copy";
		setTimeout(() => { button.textContent = "Copy as CSV"; }, 2000);
	});
}

// What is folded is part of a print.
let folded = [];
addEventListener("beforeprint", () => {
	folded = [...document.querySelectorAll("details:not([open])")];
	for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => folded.forEach(one => { one.open = false; }));
