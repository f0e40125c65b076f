/** The server's API; a refusal is an Error whose message says what was expected, what came, and what to do. */

const ROOT = "/api/v1";

export const url = (path) => `${ROOT}${path}`;

export async function ask(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(url(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!answer.ok) throw new Error(words(await answer.text()));
  return answer.status === 204 ? null : answer.json();
}

/** Sends a file as it is, and tells how many of its bytes have gone. */
export function put(path, file, tell) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url(path));
    request.setRequestHeader("x-file-name", encodeURIComponent(file.name));
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => tell(event.loaded);
    request.onload = () => (request.status < 300 ? resolve() : reject(new Error(words(request.responseText))));
    request.onerror = () => reject(new Error("The upload was broken off. Is the file too large, or the server gone?"));
    request.send(file);
  });
}

/** Calls with a job whenever it changes, until it ends. */
export function watch(job, tell) {
  const events = new EventSource(url(`/jobs/${job}/events`));
  events.addEventListener("job", (event) => {
    const told = JSON.parse(event.data);
    if (!["queued", "running"].includes(told.state)) events.close();
    tell(told);
  });
  return () => events.close();
}

function words(text) {
  try {
    const { expected, came, remedy } = JSON.parse(text);
    return `Expected ${expected}, got ${came.replace(/\.$/, "")}. ${remedy}`;
  } catch {
    return "The server could not answer; its log says why.";
  }
}
