// Stories of MQTT.js over WebSocket: mqttjs.cjs STORY URL [CA-FILE]
'use strict';
const fs = require('fs');
const mqtt = require('mqtt');

const [story, url, caFile] = process.argv.slice(2);
const options = { reconnectPeriod: 0, ca: caFile && fs.readFileSync(caFile) };

function fail(why) {
  console.error(why);
  process.exit(1);
}

const stories = {
  // Messages of each size come back, at each QoS and with both versions.
  async exchange() {
    for (const protocolVersion of [4, 5]) {
      const client = await mqtt.connectAsync(url, { ...options, protocolVersion });
      const payloads = [0, 1, 125, 126, 65535, 65536, 1000000].map((size) => Buffer.alloc(size, 'x'));
      const arrived = [];
      const done = new Promise((resolve) => {
        client.on('message', (topic, payload) => {
          arrived.push(payload.length);
          if (arrived.length === 3 * payloads.length) resolve();
        });
      });
      client.on('error', fail);
      client.on('close', () => fail('the connection was closed'));
      await client.subscribeAsync('t', { qos: 2 });
      for (const qos of [0, 1, 2]) {
        for (const payload of payloads) await client.publishAsync('t', payload, { qos });
      }
      await done;
      const expected = [0, 1, 2].flatMap(() => payloads.map((payload) => payload.length));
      const sorted = (list) => JSON.stringify([...list].sort((a, b) => a - b));
      if (sorted(arrived) !== sorted(expected)) fail(`arrived: ${arrived}`);
      client.removeAllListeners('close');
      await client.endAsync();
    }
  },
};

setTimeout(() => fail('it took too long'), 15000);
stories[story]().then(() => process.exit(0), fail);
