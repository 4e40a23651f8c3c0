// A Drover worker in Node's standard library: one job is one finding, added to the report.
//
// The sidecar posts the finding as JSON to http://127.0.0.1:$PORT/. The answer 200 comes when the finding is on disk, in
// findings.jsonl in $REPORT_DIR (default: `out` beside this file); report.html is rewritten at most once a second, and
// before the end. A job that is delivered twice changes nothing: the report keeps one finding for each file.

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { readFinding } from './finding.mjs';
import { Journal } from './journal.mjs';
import { renderReport } from './page.mjs';

const MAX_BODY = 1024 * 1024;
const PAGE_EVERY = 1000; // ms

const port = Number(process.env.PORT);
if (!process.env.PORT || !Number.isInteger(port) || port < 0 || port > 65535) {
  console.error('report.mjs needs PORT in its environment (0 chooses one)');
  process.exit(2);
}
const folder = resolve(process.env.REPORT_DIR ?? fileURLToPath(new URL('out', import.meta.url)));
const page = join(folder, 'report.html');

await mkdir(folder, { recursive: true });
const findings = new Map(); // by file: {finding, stored: a promise that is kept once it is on disk}
const journal = await Journal.open(join(folder, 'findings.jsonl'), (line) => {
  const finding = readFinding(line);
  findings.set(finding.file, { finding, stored: Promise.resolve() });
});

function store(finding) {
  const known = findings.get(finding.file);
  if (known && isDeepStrictEqual(known.finding, finding)) return known.stored;
  const entry = { finding, stored: journal.add(finding) };
  findings.set(finding.file, entry);
  return entry.stored.then(pageIsOld, (error) => {
    // Not on disk, so not in the report either; the job comes again.
    if (findings.get(finding.file) === entry) known ? findings.set(finding.file, known) : findings.delete(finding.file);
    throw error;
  });
}

let pageTimer = null;
let pageWritten = Promise.resolve();

function pageIsOld() {
  pageTimer ??= setTimeout(() => {
    pageTimer = null;
    // The findings are safe without the page, so a page that cannot be written fails no job; but it is said.
    pageWritten = pageWritten.then(writePage).catch((error) => console.error(`${page}: ${error.message}`));
  }, PAGE_EVERY);
}

async function writePage() {
  const current = [...findings.values()].map(({ finding }) => finding);
  await writeFile(`${page}.new`, renderReport(current, new Date()));
  await rename(`${page}.new`, page); // whoever reads the page sees a whole one
}

function answer(response, status, text, headers = {}) {
  const body = Buffer.from(text);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length, ...headers });
  response.end(body);
}

async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BODY) chunks.push(chunk);
  }
  return length <= MAX_BODY ? Buffer.concat(chunks).toString('utf8') : null;
}

async function work(request, response) {
  if (request.method !== 'POST') return answer(response, 405, 'only POST', { allow: 'POST' });
  const body = await readBody(request);
  if (body === null) return answer(response, 413, `more than ${MAX_BODY} bytes`, { 'drover-error': 'FindingTooLarge' });
  let finding;
  try {
    finding = readFinding(JSON.parse(body));
  } catch (error) {
    return answer(response, 422, error.message, { 'drover-error': 'InvalidFinding' });
  }
  await store(finding);
  answer(response, 200, `${findings.size} files`);
}

const inHand = new Set(); // a promise for each job, until its answer is sent

const server = createServer((request, response) => {
  const job = work(request, response).catch((error) => {
    if (request.destroyed && !request.complete) return; // the sidecar hung up: nobody is left to answer
    answer(response, 500, error.message, { 'drover-error': error.code ?? error.name });
  });
  const sent = new Promise((resolve) => response.once('close', resolve)); // after the answer, or when the sidecar hung up
  const done = Promise.all([job, sent]).then(() => inHand.delete(done));
  inHand.add(done);
});
server.keepAliveTimeout = 0; // the sidecar decides when its connection ends; a close of ours would race its next job

async function stop() {
  const closed = new Promise((done) => server.close(done));
  while (inHand.size > 0) await Promise.race(inHand.values());
  server.closeAllConnections(); // those still open are idle
  await closed;
  clearTimeout(pageTimer);
  await journal.close();
  await pageWritten;
  await writePage();
}

let stopping = null;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    stopping ??= stop().then(
      () => process.exit(0),
      (error) => {
        console.error(`the report could not be finished: ${error.message}`);
        process.exit(1);
      },
    );
  });
}

server.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ message: 'listening', port: server.address().port, report: page }));
});
