// Queue `report-generation`, in Node: generate-report draws $OUT_DIR/reports/<name>.html, numbers and a chart.
//
// Payload: name, title, unit, values [{label, value}].

import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = resolve(process.env.OUT_DIR ?? fileURLToPath(new URL('out', import.meta.url)), 'reports');

/** No retry would help: the job becomes a dead letter of this class. */
class Refused extends Error {
  constructor(kind, reason) {
    super(reason);
    this.kind = kind;
  }
}

// --- the work ---

const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const number = (value) => new Intl.NumberFormat('en', { maximumFractionDigits: 2 }).format(value);

function read(payload) {
  const { name, title, unit = '', values } = payload ?? {};
  const check = (holds, reason) => {
    if (!holds) throw new Refused('InvalidPayload', reason);
  };
  check(typeof title === 'string' && title !== '', 'title has to be a text');
  check(typeof unit === 'string', 'unit has to be a text');
  check(name === undefined || /^\w[\w.-]{0,99}$/.test(name), 'name has to be the name of a file');
  check(Array.isArray(values) && values.length > 0 && values.length <= 200, 'values has to be a list of 1 to 200');
  for (const each of values) {
    check(typeof each?.label === 'string' && Number.isFinite(each?.value), 'each of values has to have a label and a value');
  }
  return { name, title, unit, values };
}

function figures(values) {
  const sorted = values.map(({ value }) => value).sort((a, b) => a - b);
  const total = sorted.reduce((sum, value) => sum + value, 0);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { total, mean: total / sorted.length, median, least: sorted[0], most: sorted.at(-1) };
}

function chart(values) {
  const top = Math.max(0, ...values.map(({ value }) => value));
  const bottom = Math.min(0, ...values.map(({ value }) => value));
  const x = (value) => 200 + (600 * (value - bottom)) / (top - bottom || 1);
  const bars = values.map(({ label, value }, row) => {
    const [from, to] = [Math.min(x(0), x(value)), Math.max(x(0), x(value))];
    return `<g transform="translate(0 ${row * 28})">
<text x="190" y="18" text-anchor="end">${escape(label)}</text>
<rect x="${from.toFixed(1)}" y="4" width="${Math.max(to - from, 1).toFixed(1)}" height="20"/>
<text x="${(to + 6).toFixed(1)}" y="18">${number(value)}</text>
</g>`;
  });
  const height = values.length * 28 + 8;
  return `<svg viewBox="0 0 900 ${height}" role="img" aria-label="A bar for each value">\n${bars.join('\n')}\n</svg>`;
}

function page({ title, unit, values }) {
  const cells = Object.entries(figures(values)).map(
    ([name, value]) => `<dt>${name}</dt><dd>${number(value)} ${escape(unit)}</dd>`,
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>:root { color-scheme: light dark }
body { font: 16px sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
dl { display: flex; flex-wrap: wrap; gap: 0 2rem } dd { margin: 0 0 1rem; font-size: 1.5rem }
svg { width: 100% } text { fill: currentColor; font-size: 14px } rect { fill: #3b7dd8 }</style>
<h1>${escape(title)}</h1><dl>${cells.join('')}</dl>
${chart(values)}
</html>
`;
}

async function generate(job) {
  if (job.type && job.type !== 'generate-report') {
    throw new Refused('UnknownType', `no job of type ${job.type} is known here`);
  }
  const report = read(job.payload);
  await job.progress(20, 'read');
  const html = page(report);
  await job.progress(60, 'drawn');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${report.name ?? encodeURIComponent(job.id)}.html`);
  const part = join(folder, `.${randomUUID()}`);
  await writeFile(part, html);
  await rename(part, file); // whoever reads it sees a whole one
  const result = { file, ...figures(report.values) };
  await job.progress(100, 'written', result);
  return result;
}

// --- jobs in, answers and progress out ---

const said = new Set();

/** Best effort: what cannot be told costs the job nothing. */
async function tell(id, lease, progress) {
  const url = `${process.env.DROVER_SIDECAR}/v1/jobs/${encodeURIComponent(id)}/progress`;
  const headers = { 'content-type': 'application/json', 'drover-lease': lease };
  const signal = AbortSignal.timeout(10_000);
  let problem;
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(progress), signal });
    problem = answer.ok ? null : String(answer.status);
    await answer.text();
  } catch (error) {
    problem = String(error.cause ?? error);
  }
  if (problem && !said.has(problem)) console.error(`the sidecar takes no progress: ${problem}`);
  said.add(problem);
}

async function outcome(headers, body) {
  try {
    const job = {
      id: headers['drover-job-id'],
      type: headers['drover-type'],
      payload: JSON.parse(body),
      progress: (percent, step, result) => tell(job.id, headers['drover-lease'] ?? '', { percent, step, result }),
    };
    return { status: 200, text: JSON.stringify(await generate(job)) };
  } catch (error) {
    if (error instanceof SyntaxError) return { status: 422, text: error.message, kind: 'MalformedPayload' };
    if (error instanceof Refused) return { status: 422, text: error.message, kind: error.kind };
    console.error(error);
    return { status: 503, text: error.message, kind: error.code ?? error.name }; // such as a full disk
  }
}

let inHand = 0;
let ending = false;

function endIfDone() {
  if (ending && inHand === 0) process.exit(0);
}

const server = createServer((request, response) => {
  inHand += 1;
  response.once('close', () => { // answered, or the sidecar hung up
    inHand -= 1;
    endIfDone();
  });
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const { status, text, kind } = await outcome(request.headers, Buffer.concat(parts).toString());
    const headers = { 'content-length': Buffer.byteLength(text), ...(kind && { 'drover-error': kind }) };
    response.writeHead(status, headers).end(text);
  });
});
server.keepAliveTimeout = 0; // the sidecar decides when its connection ends

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    ending = true;
    server.close(); // takes no further connection
    endIfDone();
  });
}

server.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(JSON.stringify({ message: 'listening', port: server.address().port }));
});
