// A Drover worker in Node's standard library. A job is the absolute path of a file; its result is the file's SHA-256.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** No retry would help: the job becomes a dead letter of this class. */
class Refused extends Error {
  constructor(kind, reason) {
    super(reason);
    this.kind = kind;
  }
}

async function work(path) {
  if (!path.startsWith('/') || path.includes('\0')) {
    throw new Refused('InvalidPath', 'the payload has to be the absolute path of a file');
  }
  const file = await stat(path);
  if (!file.isFile()) throw new Refused('NotAFile', `${path} is no regular file`);
  const digest = createHash('sha256');
  await pipeline(createReadStream(path), digest);
  const sha256 = digest.digest('hex');
  console.log(`${sha256}  ${path}`);
  return JSON.stringify({ sha256, bytes: file.size });
}

async function outcome(payload) {
  try {
    return { status: 200, text: await work(payload) };
  } catch (error) {
    if (error instanceof Refused) return { status: 422, text: error.message, headers: { 'drover-error': error.kind } };
    const kind = error.code === 'ENOENT' ? 'FileNotFound' : 'FileNotReadable'; // not there yet, or not readable now
    return { status: 503, text: error.message, headers: { 'drover-error': kind } };
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
    const { status, text, headers } = await outcome(Buffer.concat(parts).toString());
    response.writeHead(status, { 'content-length': Buffer.byteLength(text), ...headers }).end(text);
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
