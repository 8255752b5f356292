// A `.drop` says when a file hangs over it, and the name of the file that it holds.

const of = (event) => event.target.closest?.(".drop");

export function watchDrops() {
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => of(event)?.classList.add("is-over"));
  }
  for (const name of ["dragleave", "drop"]) {
    document.addEventListener(name, (event) => of(event)?.classList.remove("is-over"));
  }
  document.addEventListener("change", (event) => {
    const says = of(event)?.querySelector("[data-file-name]");
    const file = event.target.files?.[0];
    if (says && file) says.textContent = `${file.name}, ${Math.max(1, Math.round(file.size / 1024))} kB`;
  });
}
