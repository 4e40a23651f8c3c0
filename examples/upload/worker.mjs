// Reads an uploaded text: {"file", "name"}. Tells how far it is, and answers with what it has counted.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const sidecar = process.env.DROVER_SIDECAR;
const slowness = Number(process.env.CHUNK_SECONDS ?? 0.1); // reading is too quick to be watched
const chunk = 1024;

class Refused extends Error {}

async function read({ file }, tell) {
  const { size } = await stat(file);
  if (size === 0) throw new Refused('the file is empty');
  const counted = { bytes: size, lines: 0, words: 0 };
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let done = 0;
  let tail = '';
  for await (const piece of createReadStream(file, { highWaterMark: Math.max(chunk, Math.ceil(size / 100)) })) {
    let text;
    try {
      text = decoder.decode(piece, { stream: true });
    } catch {
      throw new Refused('this is not a text');
    }
    counted.lines += text.split('\n').length - 1;
    const words = (tail + text).split(/\s+/);
    tail = words.pop();
    counted.words += words.filter((word) => word !== '').length;
    done += piece.length;
    await tell({ percent: Math.floor((100 * done) / size), step: 'reading', message: `${counted.words} words so far` });
    await pause(1000 * slowness);
  }
  if (tail !== '') counted.words += 1;
  return counted;
}

createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  const job = `${sidecar}/v1/jobs/${encodeURIComponent(request.headers['drover-job-id'])}`;
  const tell = async (progress) => {
    const answer = await fetch(`${job}/progress`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'drover-lease': request.headers['drover-lease'] },
      body: JSON.stringify(progress),
    });
    if (!answer.ok || (await answer.json()).cancel) throw new Error('nobody wants it any more');
  };
  try {
    const result = await read(JSON.parse(body), tell);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
  } catch (error) {
    const refused = error instanceof Refused;
    response
      .writeHead(refused ? 422 : 503, { 'drover-error': refused ? 'NotReadable' : error.name })
      .end(error.message);
  }
}).listen(Number(process.env.PORT), '127.0.0.1');
