// The page's only way to the server; sandbox/page_api.py describes what it says.

async function answer(response) {
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

async function send(path, body) {
  return answer(await fetch(path, { method: "POST", body: JSON.stringify(body) }));
}

export async function getState(user) {
  return answer(await fetch(`/sandbox/state?${new URLSearchParams(user ? { user } : {})}`));
}

export function interact(body) {
  return send("/sandbox/interact", body);
}

export function writeMessage(body) {
  return send("/sandbox/message", body);
}

export async function upload(user, channel, file) {
  const query = new URLSearchParams({ user, channel, filename: file.name });
  return answer(await fetch(`/sandbox/upload?${query}`, { method: "POST", body: file }));
}

// Calls back for every event of one user until the returned function is called. After a lost
// connection the callback gets a REFRESH, because events may have been missed.
export function listen(user, onEvent) {
  let socket;
  let isOver = false;
  const connect = (isFirst) => {
    socket = new WebSocket(`ws://${location.host}/sandbox/live?user=${user}`);
    socket.onopen = () => isFirst || onEvent({ type: "REFRESH" });
    socket.onmessage = (message) => onEvent(JSON.parse(message.data));
    socket.onclose = () => isOver || setTimeout(connect, 1000, false);
  };
  connect(true);
  return () => {
    isOver = true;
    socket.close();
  };
}
