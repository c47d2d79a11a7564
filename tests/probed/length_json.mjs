// A chat server that no dialect describes, without a fault: 4 bytes of length and JSON, both ways. `node length_json.mjs`
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';

const MOST_BYTES = 1e6;

function answerTo(body) {
  try {
    const asked = JSON.parse(body);
    return asked.room ? { ok: true, token: crypto.randomUUID() } : { ok: false, error: 'room' };
  } catch (error) {
    return { ok: false, error: 'json' };
  }
}

const tcp = net.createServer((socket) => {
  let got = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    got = Buffer.concat([got, data]);
    if (got.length < 4) return;
    const size = got.readUInt32BE(0);
    if (size > MOST_BYTES) {
      socket.end();
    } else if (got.length >= 4 + size) {
      const body = Buffer.from(JSON.stringify(answerTo(got.subarray(4, 4 + size))));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      socket.end(Buffer.concat([length, body]));
    }
  });
});
const udp = dgram.createSocket('udp4');
udp.on('message', () => {});
udp.bind(0, '127.0.0.1', () => {
  tcp.listen(0, '127.0.0.1', () => {
    console.log(`ready tcp=127.0.0.1:${tcp.address().port} udp=127.0.0.1:${udp.address().port}`);
  });
});
