"use strict";
// Headings become buttons that sort their table: numbers by their full value, text by its letters, empty cells last.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  const bodies = [...table.tBodies];
  const key = (row, place) => row.cells[place].dataset.v ?? row.cells[place].textContent.trim();
  const order = (a, b, place, sign) => {
    const [x, y] = [key(a, place), key(b, place)];
    if (x === "" || y === "") return (x === "") - (y === "");
    const [n, m] = [Number(x), Number(y)];
    const numbers = !Number.isNaN(n) && !Number.isNaN(m);
    return sign * (numbers ? n - m : x.localeCompare(y, "en", { numeric: true }));
  };
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") && head.dataset.first !== "up" ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const now = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", now);
      for (const body of bodies) {
        body.append(...[...body.rows].sort((a, b) => order(a, b, place, now === "ascending" ? 1 : -1)));
      }
    });
  });
}
