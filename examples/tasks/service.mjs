// A task service: takes texts to analyse, answers at once with a task id, and tells by that id how far the task is.
//
//   POST /api/tasks {"text"}   202 {"taskId", "status": "pending"}
//   GET  /api/tasks/<taskId>   {"taskId", "status": pending, processing, completed or failed, "message", "percent",
//                              "intermediate": [one result for each stage so far], "result"}
//   GET  /api/health           {"status": "ok"}
//
// It listens on $SERVICE_PORT (8090) for people, and on $PORT for jobs: a task is a job of the queue `tasks`. So it is
// spread over time and tried again by Drover, and not lost with this process. When the queue cannot take a task, it is done
// here at once. What is known of the tasks is in $OUT_DIR/tasks, by default `out` beside this file.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LONGEST, stages } from './analyse.mjs';
import { Tasks } from './tasks.mjs';

const MAX_BODY = 6 * LONGEST + 1024; // bytes: JSON may need six for a character
const sidecar = process.env.DROVER_SIDECAR;
const stageSeconds = Number(process.env.STAGE_SECONDS ?? 0.5); // the analysis is too quick to be watched
const tasks = new Tasks(resolve(process.env.OUT_DIR ?? fileURLToPath(new URL('out', import.meta.url)), 'tasks'));

class Failure extends Error {
  constructor(status, kind, reason) {
    super(reason);
    Object.assign(this, { status, kind });
  }
}

// --- the work, whoever hands it over ---

function readTask(body) {
  let task;
  try {
    task = JSON.parse(body);
  } catch (error) {
    throw new Failure(422, 'MalformedPayload', `not JSON: ${error.message}`);
  }
  const { text } = task ?? {};
  if (typeof text !== 'string' || !/\p{L}/u.test(text)) {
    throw new Failure(422, 'InvalidPayload', 'text has to be a text with words in it');
  }
  if (text.length > LONGEST) throw new Failure(422, 'TextTooLong', `more than ${LONGEST} characters`);
  return { text };
}

/** `tell` is given what Drover should know of the progress. */
async function perform(id, text, tell) {
  const intermediate = [];
  let result = {};
  tasks.update(id, { status: 'processing', percent: 0, message: 'begun', intermediate });
  for (const stage of stages(text)) {
    await pause(1000 * stageSeconds);
    result = { ...result, ...stage.result };
    intermediate.push({ step: stage.step, ...stage.result });
    tasks.update(id, { percent: stage.percent, message: stage.step, intermediate });
    await tell(stage);
  }
  tasks.update(id, { status: 'completed', percent: 100, message: 'done', result });
  await tell({ percent: 100, step: 'done', result });
  return result;
}

// --- Drover: jobs in, answers, progress and further jobs out ---

async function postToSidecar(path, body, headers = {}) {
  const answer = await fetch(`${sidecar}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5000),
  });
  return { status: answer.status, text: await answer.text() };
}

const said = new Set();

/** Best effort: what cannot be told costs the task nothing. But a stale lease says that the job is not ours any more. */
async function tellSidecar(id, lease, progress) {
  const path = `/v1/jobs/${encodeURIComponent(id)}/progress`;
  const { status, text } = await postToSidecar(path, progress, { 'drover-lease': lease }).catch((error) => ({
    status: 0,
    text: String(error.cause ?? error),
  }));
  if (status === 409) throw new Failure(409, 'Stale', text);
  if (status >= 200 && status < 300) return;
  if (!said.has(status)) console.error(`the sidecar takes no progress: ${status || ''} ${text}`);
  said.add(status);
}

async function takeJob(request, body) {
  const { 'drover-job-id': id, 'drover-lease': lease = '' } = request.headers;
  const isLast = Number(request.headers['drover-attempt']) >= Number(request.headers['drover-max-attempts']);
  try {
    const { text } = readTask(body);
    return { status: 200, json: await perform(id, text, (progress) => tellSidecar(id, lease, progress)) };
  } catch (error) {
    const { status = 503, message, kind = error.code ?? error.name } = error;
    if (status === 503) console.error(error); // such as a full disk: the queue tries again
    if (status === 422 || (status === 503 && isLast)) note(id, { status: 'failed', message, error: kind });
    else if (status === 503) note(id, { status: 'pending', message: `to be tried again: ${message}` });
    return { status, text: message, headers: { 'drover-error': kind } };
  }
}

/** What cannot be written down of a failure is said: the failure itself is what counts. */
function note(id, changes) {
  try {
    tasks.update(id, changes);
  } catch (error) {
    console.error(`task ${id} is ${changes.status}, which cannot be written down: ${error.message}`);
  }
}

// --- people ---

async function submit(text) {
  const job = { type: 'analyse', payload: { text } };
  const { status, text: said } = await postToSidecar('/v1/queues/tasks/jobs', job).catch((error) => ({
    status: 503,
    text: String(error.cause ?? error),
  }));
  if (status === 202) {
    const { id } = JSON.parse(said);
    tasks.begin(id, 'in the queue');
    return { taskId: id, status: 'pending' };
  }
  if (status === 400 || status === 413) throw new Failure(status, 'Refused', said);
  console.error(`the queue takes no task now, so it is done here: ${status} ${said}`);
  const id = `direct-${randomUUID()}`;
  tasks.begin(id, 'not in the queue: it is done at once');
  const failed = ({ message, name }) => note(id, { status: 'failed', message, error: name });
  hold(perform(id, text, () => {}).catch(failed));
  return { taskId: id, status: 'pending' };
}

async function takeRequest(request, body) {
  const path = new URL(request.url, 'http://service').pathname;
  try {
    if (path === '/api/health' && request.method === 'GET') return { status: 200, json: { status: 'ok' } };
    if (path === '/api/tasks' && request.method === 'POST') {
      const task = await submit(readTask(body).text);
      return { status: 202, json: task, headers: { location: `/api/tasks/${encodeURIComponent(task.taskId)}` } };
    }
    const [, id] = path.match(/^\/api\/tasks\/([\w.%-]{1,200})$/) ?? [];
    const task = id && request.method === 'GET' ? tasks.get(decodeURIComponent(id)) : null;
    return task ? { status: 200, json: task } : { status: 404, json: { error: id ? 'no such task' : 'no such path' } };
  } catch (error) {
    if (error instanceof URIError) return { status: 404, json: { error: 'no such task' } };
    if (!(error instanceof Failure)) console.error(error);
    return { status: error.status === 422 ? 400 : error.status ?? 500, json: { error: error.message } };
  }
}

// --- two servers, and their end ---

const inHand = new Set();
let ending = false;

function hold(promise) {
  const held = promise.finally(() => {
    inHand.delete(held);
    endIfDone();
  });
  inHand.add(held);
}

function endIfDone() {
  if (ending && inHand.size === 0) process.exit(0);
}

function serve(take) {
  return createServer((request, response) => {
    hold(new Promise((answered) => response.once('close', answered))); // or the other side hung up
    const parts = [];
    let length = 0;
    request.on('data', (part) => {
      length += part.length;
      if (length <= MAX_BODY) parts.push(part);
    });
    request.on('end', async () => {
      const body = Buffer.concat(parts).toString();
      const tooLarge = { status: 413, json: { error: `more than ${MAX_BODY} bytes` } };
      const { status, json, text, headers } = length <= MAX_BODY ? await take(request, body) : tooLarge;
      const content = json ? JSON.stringify(json) : text;
      const type = json ? 'application/json' : 'text/plain; charset=utf-8';
      response
        .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(content), ...headers })
        .end(content);
    });
  });
}

const jobs = serve(takeJob);
jobs.keepAliveTimeout = 0; // the sidecar decides when its connection ends
const people = serve(takeRequest);

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    ending = true;
    jobs.close(); // neither takes a further connection
    people.close();
    endIfDone();
  });
}

people.listen(Number(process.env.SERVICE_PORT ?? 8090), '127.0.0.1', () => {
  jobs.listen(Number(process.env.PORT), '127.0.0.1', () => {
    console.log(JSON.stringify({ message: 'listening', port: jobs.address().port, service: people.address().port }));
  });
});
