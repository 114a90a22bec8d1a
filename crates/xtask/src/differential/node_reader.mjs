// What Node sees: a message a line on standard input, an outcome a line on standard output.
//
// Each character of a string is an octet. Connections are streams in memory, which `http.Agent` and the event
// `connection` of `http.Server` take in place of sockets.

import http from 'node:http';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';

const turn = () => new Promise(setImmediate);

/** Until what was begun in callbacks is done. */
const settle = async () => {
  for (let i = 0; i < 3; i += 1) await turn();
};

const wire = () => {
  const stream = new Duplex({
    read() {},
    write(octets, _, done) {
      // A server answers so what it refuses.
      const [line] = octets.toString('latin1').split('\r\n');
      if (line.startsWith('HTTP/1.1 4')) stream.refused ??= line;
      done();
    },
  });
  for (const name of ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref']) {
    stream[name] = () => stream;
  }
  stream.on('error', () => {});
  return stream;
};

const lines = (raw) => {
  const pairs = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i], raw[i + 1]]);
  return pairs;
};

const begun = (message, start) => ({
  start,
  version: message.httpVersion,
  fields: lines(message.rawHeaders),
  content: '',
  trailers: [],
  ended: null,
});

/** Notes the content of a message, and that it is whole. */
const follow = (message, seen, ended) => {
  message.on('data', (octets) => {
    seen.content += octets.toString('latin1');
  });
  message.on('end', () => {
    seen.trailers = lines(message.rawTrailers);
    ended();
  });
  message.on('error', () => {});
};

/** What is seen of octets that come together, and where the message ends by what is seen of each on its own. */
const readResponse = async (message) => {
  const octets = Buffer.from(message.octets, 'latin1');
  const outcome = await respond(message, [octets]);
  const [seen] = outcome.messages;
  if (seen !== undefined && outcome.end !== 'switched') {
    const pieces = Array.from(octets, (octet) => Buffer.of(octet));
    seen.ended = (await respond(message, pieces)).messages[0]?.ended ?? null;
  }
  return outcome;
};

const respond = async ({ method, upgrade, eof }, pieces) => {
  const outcome = { interim: [], messages: [], end: 'waiting', why: '' };
  const stream = wire();
  const agent = new http.Agent({ keepAlive: true });
  agent.createConnection = () => stream;
  const request = http.request({
    agent,
    method,
    host: 'h.test',
    path: method === 'CONNECT' ? 'h.test:443' : '/',
    headers: upgrade ? { Connection: 'upgrade', Upgrade: 'x' } : {},
  });
  let response;
  let seen;
  let whole = false;
  let pushed = 0;
  let failed = null;
  const switched = (message, _, head) => {
    seen = begun(message, String(message.statusCode));
    seen.ended = pushed - head.length;
    outcome.messages.push(seen);
    outcome.end = 'switched';
  };
  request.on('information', (info) => outcome.interim.push(info.statusCode));
  request.on('upgrade', switched);
  request.on('connect', switched);
  request.on('error', (error) => {
    failed ??= error;
  });
  request.on('response', (message) => {
    response = message;
    seen = begun(message, String(message.statusCode));
    follow(message, seen, () => {
      whole = true;
    });
  });
  request.end(method === 'POST' ? 'abc' : undefined);
  await settle();

  for (const piece of pieces) {
    pushed += piece.length;
    stream.push(piece);
    if (outcome.end !== 'waiting' || failed !== null || response?.complete) break;
  }
  if (response?.complete) seen.ended = pushed;
  await settle();
  if (outcome.end === 'waiting' && !response?.complete && failed === null && eof) {
    stream.push(null);
    await settle();
    if (response?.complete) seen.ended = pushed;
    failed ??= { code: 'ECONNRESET' };
  }
  if (outcome.end !== 'switched') {
    if (response?.complete && whole) {
      outcome.messages.push(seen);
      outcome.end = stream.destroyed || stream.writableEnded ? 'closed' : 'kept';
      outcome.why = failed?.code ?? '';
    } else if (failed !== null) {
      outcome.end = failed.code === 'ECONNRESET' ? 'waiting' : 'refused';
      outcome.why = `${failed.code} ${failed.reason ?? ''}`;
    }
  }
  stream.destroy();
  agent.destroy();
  return outcome;
};

/** The connections that are served now, and what is done with their requests. */
const served = new Map();

const server = http.createServer((request, response) => served.get(request.socket)?.(request, response));
server.on('checkExpectation', (request, response) => served.get(request.socket)?.(request, response));
server.on('clientError', (error, stream) => {
  stream.failed = error;
  stream.destroy();
});

const readRequests = async ({ octets }) => {
  const outcome = { interim: [], messages: [], end: 'waiting', why: '' };
  const stream = wire();
  const open = [];
  let pushed = 0;
  served.set(stream, (request, response) => {
    const seen = begun(request, `${request.method} ${request.url}`);
    open.push([request, seen]);
    follow(request, seen, () => {
      if (stream.refused === undefined) outcome.messages.push(seen);
      response.end();
    });
  });
  server.emit('connection', stream);
  await settle();
  const all = Buffer.from(octets, 'latin1');
  const isOpen = () => !stream.destroyed && !stream.writableEnded && stream.refused === undefined;
  while (pushed < all.length && isOpen()) {
    pushed += 1;
    stream.push(all.subarray(pushed - 1, pushed));
    const done = open.findIndex(([request]) => request.complete);
    if (done >= 0) {
      open[done][1].ended = pushed;
      open.splice(done, 1);
      await settle();
    }
  }
  await settle();
  if (stream.failed !== undefined || stream.refused !== undefined) {
    outcome.end = 'refused';
    outcome.why = stream.failed?.code ?? stream.refused;
  } else if (stream.destroyed || stream.writableEnded) {
    outcome.end = 'closed';
  }
  served.delete(stream);
  stream.destroy();
  return outcome;
};

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  const read = message.role === 'client' ? readResponse : readRequests;
  process.stdout.write(`${JSON.stringify(await read(message))}\n`);
}
