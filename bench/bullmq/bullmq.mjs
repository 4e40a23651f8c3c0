// BullMQ at the work that bench/gateway.py gives a gateway. Takes orders as lines of JSON, answers each with a line:
//   {"do": "add", "count": 1000, "bytes": 1024, "inFlight": 64, "batch": 0, "rate": 0}   batch: jobs of each addBulk()
//   {"do": "get", "count": 1000, "inFlight": 64}                                         of jobs that were added
// Usage: bullmq.mjs PORT, where a Redis of its own listens.
import { createInterface } from 'node:readline';
import { Queue } from 'bullmq';

const queue = new Queue('jobs', {
  connection: { host: '127.0.0.1', port: Number(process.argv[2]) },
  defaultJobOptions: { attempts: 3, removeOnComplete: true },
});
let number = 0;
let ids = [];

function data(bytes) {
  const head = { job: number++, made: Math.round((performance.timeOrigin + performance.now()) * 1000) };
  const padding = 'x'.repeat(bytes - JSON.stringify({ ...head, padding: '' }).length);
  return { ...head, padding };
}

async function add(order) {
  if (!order.batch) {
    ids.push((await queue.add('mail', data(order.bytes))).id);
    return;
  }
  const jobs = Array.from({ length: order.batch }, () => ({ name: 'mail', data: data(order.bytes) }));
  for (const job of await queue.addBulk(jobs)) ids.push(job.id);
}

// `one` so many times, with so many in flight; at a rate, each is counted from when it was due.
async function repeat(count, inFlight, rate, one) {
  const latencies = [];
  const begun = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const due = rate ? begun + (next++ * 1000) / rate : (next++, performance.now());
      const early = due - performance.now();
      if (early > 0) await new Promise((go) => setTimeout(go, Math.ceil(early)));
      await one();
      latencies.push(performance.now() - due);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - begun) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (q) => Number(latencies[Math.floor(q * (latencies.length - 1))].toFixed(3));
  return { seconds, p50_ms: at(0.5), p99_ms: at(0.99) };
}

const deeds = {
  async add(order) {
    ids = [];
    const took = await repeat(order.count / (order.batch || 1), order.inFlight, order.rate, () => add(order));
    return { jobs_s: Math.round(order.count / took.seconds), p50_ms: took.p50_ms, p99_ms: took.p99_ms };
  },
  // Without its state, which BullMQ looks for in the list of those that wait: 1.2 ms of Redis at 20,000 of them.
  async get(order) {
    let at = 0;
    const took = await repeat(order.count, order.inFlight, 0, async () => {
      at = (at + 7919) % ids.length;
      if (!(await queue.getJob(ids[at]))) throw new Error(`job ${ids[at]} is not there`);
    });
    return { jobs_s: Math.round(order.count / took.seconds), p50_ms: took.p50_ms, p99_ms: took.p99_ms };
  },
};

await queue.waitUntilReady();
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  console.log(JSON.stringify(await deeds[order.do](order)));
}
await queue.close();
