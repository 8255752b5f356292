// A socket that comes back: after a loss it waits a little longer each time, up to 20 seconds. Codes 4400 and above are
// the server's last word (not signed in, not yours).

const LONGEST = 20_000;

export function follow(path, { message, reopened = () => {} }) {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  let wait = 500;
  let opened = false;

  function open() {
    const socket = new WebSocket(`${scheme}://${window.location.host}${path}`);
    socket.addEventListener("open", () => {
      wait = 500;
      if (opened) reopened();
      opened = true;
    });
    socket.addEventListener("message", (event) => message(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      if (event.code >= 4400) return;
      setTimeout(open, wait);
      wait = Math.min(LONGEST, wait * 2);
    });
  }

  open();
}
