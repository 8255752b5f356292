// The browser's own storage, which it may refuse: then nothing is kept here, and the server's copy remains.

export function read(key) {
  return attempt(() => JSON.parse(localStorage.getItem(key)));
}

export function write(key, value) {
  attempt(() => localStorage.setItem(key, JSON.stringify(value)));
}

export function remove(key) {
  attempt(() => localStorage.removeItem(key));
}

export function keys(prefix) {
  return attempt(() => Object.keys(localStorage).filter((key) => key.startsWith(prefix))) ?? [];
}

function attempt(deed) {
  try {
    return deed();
  } catch {
    return null;
  }
}
