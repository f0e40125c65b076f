"use strict";
const asked = Array.from(document.querySelectorAll("fieldset[data-case]"));
const quoted = (text) => '"' + text.replace(/"/g, '""') + '"';
function row(field, expert, now) {
  const chosen = field.querySelector("input[type=radio]:checked");
  const note = field.querySelector("input[type=text]").value;
  const cells = [field.dataset.case, chosen ? chosen.value : "", note, expert, now, field.dataset.sha256, field.dataset.beside];
  return cells.map(quoted).join(",");
}
function save() {
  const expert = document.getElementById("expert");
  const said = document.getElementById("said");
  if (!expert.value.trim()) {
    said.textContent = "Give your name first.";
    expert.focus();
    return;
  }
  const decided = asked.filter((field) => field.querySelector("input[type=radio]:checked"));
  const now = new Date().toISOString();
  const lines = [document.getElementById("columns").textContent, ...decided.map((field) => row(field, expert.value.trim(), now))];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
  link.download = "decisions.csv";
  link.click();
  said.textContent = decided.length + " of " + asked.length + " decided and saved.";
}
document.getElementById("save").addEventListener("click", save);
