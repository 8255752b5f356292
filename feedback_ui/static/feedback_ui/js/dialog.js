// A link with `data-dialog` opens its page's question in the dialog of the page; without scripts it is a page of its own.

const dialog = () => document.getElementById("dialog");

async function ask(link) {
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
  if (!answer.ok) {
    window.location.assign(link.href);
    return;
  }
  dialog().innerHTML = await answer.text();
  dialog().showModal();
}

export function watchDialogs() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      ask(link);
    } else if (event.target.closest("[data-close]") || event.target === dialog()) {
      event.preventDefault();
      dialog().close();
    }
  });
}
