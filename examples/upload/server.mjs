// The web server of an upload: keeps the file, submits a job for it, and passes on how far that is.
//
//   GET  /                        the page
//   POST /upload?name=…           the file as the body; 202 {"id"}
//   GET  /v1/jobs/{id}[/events]   what <drover-progress> asks for, of jobs that were uploaded here, and nothing else: so the
//                                 gateway's token ($DROVER_TOKEN) stays here, and nobody reads other people's jobs
//   GET  /drover-progress.js      the gateway's
//
// $GATEWAY is the gateway's address, $SERVICE_PORT the port here (8095).
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const gateway = process.env.GATEWAY ?? 'http://127.0.0.1:4100';
const folder = resolve(process.env.OUT_DIR ?? join(here, 'out'));
const largest = 64 * 1024 * 1024;
const headers = process.env.DROVER_TOKEN ? { authorization: `Bearer ${process.env.DROVER_TOKEN}` } : {};
const uploaded = new Set(); // a real server keeps with its own data whose job is whose
await mkdir(folder, { recursive: true });

async function upload(request, response, name) {
  const file = join(folder, randomUUID());
  let size = 0;
  const counted = async function* (pieces) {
    for await (const piece of pieces) {
      size += piece.length;
      if (size > largest) throw Object.assign(new Error(`more than ${largest} bytes`), { status: 413 });
      yield piece;
    }
  };
  try {
    await pipeline(request, counted, createWriteStream(file));
    const answer = await fetch(`${gateway}/v1/queues/uploads/jobs`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'read-file', payload: { file, name }, labels: { name } }),
    });
    const job = await answer.json();
    if (answer.status !== 202) throw new Error(job.detail ?? `the gateway answered ${answer.status}`);
    uploaded.add(job.id);
    response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify({ id: job.id }));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function pass(path, request, response) {
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  const answer = await fetch(`${gateway}${path}`, { headers, signal: abort.signal });
  response.writeHead(answer.status, {
    'content-type': answer.headers.get('content-type') ?? 'text/plain',
    'cache-control': 'no-store',
  });
  if (answer.body) await pipeline(Readable.fromWeb(answer.body), response);
  else response.end();
}

async function serve(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://here');
  const job = /^\/v1\/jobs\/([^/]+)(\/events)?$/.exec(pathname);
  if (request.method === 'GET' && pathname === '/') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    await pipeline(createReadStream(join(here, 'page.html')), response);
  } else if (request.method === 'POST' && pathname === '/upload') {
    await upload(request, response, searchParams.get('name') ?? 'a file');
  } else if (
    request.method === 'GET' &&
    (pathname === '/drover-progress.js' || (job && uploaded.has(decodeURIComponent(job[1]))))
  ) {
    await pass(pathname, request, response);
  } else {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"there is nothing here"}');
  }
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    if (response.destroyed) return; // who asked has gone
    if (!response.headersSent) response.writeHead(error.status ?? 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ detail: error.message }));
  });
});
server.listen(Number(process.env.SERVICE_PORT ?? 8095), '127.0.0.1', () => {
  console.log(`uploads at http://127.0.0.1:${server.address().port}`);
});
