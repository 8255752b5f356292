// `<time data-clock>` in the reader's own zone: the clock today, the day and the clock before.

export function showTimes(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll?.("time[data-clock]") ?? []) {
    const at = new Date(element.dateTime);
    const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
    element.textContent = at.toDateString() === today ? clock : `${day}, ${clock}`;
    element.title = at.toLocaleString("en-GB");
  }
}
